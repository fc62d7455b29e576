//! {{name}}: greets whoever it is told of, and remembers who came last.

const std = @import("std");
const caxton = @import("caxton");

pub fn handle(turn: std.mem.Allocator, message: []const u8) ![]const u8 {
    if (message.len == 0) return caxton.fail("whom shall I greet?"); // the asker gets an error

    try caxton.state.put("last", message);

    return std.fmt.allocPrint(turn, "hello, {s}", .{message});
}
