//! What the agents of this example share: the host's calls as functions of slices, a heap for one turn, JSON.
//!
//! An agent is a function from a message to a response, made one by `comptime { caxton.agent(handle); }`. What it
//! allocates lives until its next turn. When it returns an error, the agent reports a failure; `fail` says why.

const std = @import("std");

const host = struct {
    extern "caxton" fn read_result(to: [*]u8, room: usize) i32;
    extern "caxton" fn result_info() i32;
    extern "caxton" fn context() i32;
    extern "caxton" fn emit(part: [*]const u8, len: usize) i32;
    extern "caxton" fn ask(to: [*]const u8, to_len: usize, body: [*]const u8, len: usize, timeout_ms: i64) i32;
    extern "caxton" fn ask_start(to: [*]const u8, to_len: usize, body: [*]const u8, len: usize, timeout_ms: i64) i32;
    extern "caxton" fn call_tool(name: [*]const u8, name_len: usize, arguments: [*]const u8, len: usize) i32;
    extern "caxton" fn tool_start(name: [*]const u8, name_len: usize, arguments: [*]const u8, len: usize, timeout_ms: i64) i32;
    extern "caxton" fn wait(handles: [*]const i32, count: usize, timeout_ms: i64) i32;
};

var turn = std.heap.ArenaAllocator.init(std.heap.wasm_allocator);

/// The heap of this turn.
pub const heap = turn.allocator();

// ---- JSON

/// Reads JSON; fields that T does not have are skipped.
pub fn parse(comptime T: type, text: []const u8) !T {
    return std.json.parseFromSliceLeaky(T, heap, text, .{ .ignore_unknown_fields = true });
}

pub fn json(value: anytype) ![]const u8 {
    return std.json.Stringify.valueAlloc(heap, value, .{});
}

// ---- host calls

/// What came of a call: its result, or a failure's code and what was said of it.
pub const Outcome = struct {
    text: []const u8,
    code: ?[]const u8 = null,

    /// The result as data: what a tool has put under "structured".
    pub fn structured(self: Outcome, comptime T: type) !T {
        if (self.code != null) return fail("{s}", .{try self.problem()});
        return (try parse(struct { structured: T }, self.text)).structured;
    }

    /// The failure in words. What an agent said of its own failure is left as it is.
    pub fn problem(self: Outcome) ![]const u8 {
        const code = self.code orelse return "";
        if (std.mem.eql(u8, code, "agent.failed")) return self.text;
        return std.fmt.allocPrint(heap, "{s}: {s}", .{ code, self.text });
    }
};

/// The whole last result. A call that has failed does not tell how long it is, so the room grows until it fits.
fn last() ![]const u8 {
    var room: usize = 4096;
    while (true) : (room *= 4) {
        const buffer = try heap.alloc(u8, room);
        const copied: usize = @intCast(host.read_result(buffer.ptr, buffer.len));
        if (copied < buffer.len) return buffer[0..copied];
        heap.free(buffer);
    }
}

fn outcome() !Outcome {
    const text = try last();
    _ = host.result_info();
    const info = try parse(struct { number: i64, code: ?[]const u8 }, try last());
    return .{ .text = text, .code = if (info.number < 0) info.code orelse "failed" else null };
}

/// The agent's params, as its configuration has them.
pub fn params(comptime T: type) !T {
    _ = host.context();
    return (try parse(struct { params: T }, try last())).params;
}

/// Sends a part of the reply, now: here it is how far the work is.
pub fn say(comptime format: []const u8, values: anytype) !void {
    const part = try std.fmt.allocPrint(heap, format, values);
    _ = host.emit(part.ptr, part.len);
}

pub fn ask(to: []const u8, message: anytype, timeout_ms: i64) !Outcome {
    const body = try json(message);
    _ = host.ask(to.ptr, to.len, body.ptr, body.len, timeout_ms);
    return outcome();
}

pub fn callTool(name: []const u8, arguments: anytype) !Outcome {
    const text = try json(arguments);
    _ = host.call_tool(name.ptr, name.len, text.ptr, text.len);
    return outcome();
}

/// Things that go on at the same time. Each has a number, by which one knows it again when it is done.
pub const Pending = struct {
    handles: std.ArrayList(i32) = .empty,
    numbers: std.ArrayList(usize) = .empty,
    refused: std.ArrayList(Done) = .empty,

    pub const Done = struct { number: usize, outcome: Outcome };

    pub fn tool(self: *Pending, number: usize, name: []const u8, arguments: anytype, timeout_ms: i64) !void {
        const text = try json(arguments);
        try self.add(number, host.tool_start(name.ptr, name.len, text.ptr, text.len, timeout_ms));
    }

    pub fn ask(self: *Pending, number: usize, to: []const u8, message: anytype, timeout_ms: i64) !void {
        const body = try json(message);
        try self.add(number, host.ask_start(to.ptr, to.len, body.ptr, body.len, timeout_ms));
    }

    fn add(self: *Pending, number: usize, handle: i32) !void {
        if (handle < 0) return self.refused.append(heap, .{ .number = number, .outcome = try outcome() });
        try self.handles.append(heap, handle);
        try self.numbers.append(heap, number);
    }

    /// The next that is done, whatever came of it; null when all are.
    pub fn next(self: *Pending) !?Done {
        if (self.refused.pop()) |done| return done;
        const handles = self.handles.items;
        if (handles.len == 0) return null;
        const index = host.wait(handles.ptr, handles.len, 24 * 60 * 60 * 1000); // the turn ends before that
        if (index < 0) return fail("{s}", .{try (try outcome()).problem()});
        const at: usize = @intCast(index);
        _ = self.handles.swapRemove(at);
        return .{ .number = self.numbers.swapRemove(at), .outcome = try outcome() };
    }
};

// ---- the agent

var response: []const u8 = "";
var reason: []const u8 = "";

/// Ends the turn with a failure: `return caxton.fail(...)`.
pub fn fail(comptime format: []const u8, values: anytype) anyerror {
    reason = std.fmt.allocPrint(heap, format, values) catch "out of memory";
    return error.Failed;
}

/// Makes `handle` the agent of this module.
pub fn agent(comptime handle: fn ([]const u8) anyerror![]const u8) void {
    const exports = struct {
        fn handleMessage(message: [*]const u8, len: usize) callconv(.c) i32 {
            _ = turn.reset(.retain_capacity);
            reason = "";
            response = handle(message[0..len]) catch |problem| {
                response = if (reason.len > 0) reason else @errorName(problem);
                return 1;
            };
            return 0;
        }

        fn getResponse(to: [*]u8, room: usize) callconv(.c) usize {
            const fits = @min(room, response.len);
            @memcpy(to[0..fits], response[0..fits]);
            return response.len;
        }

        fn alloc(len: usize) callconv(.c) ?[*]u8 {
            const block = std.heap.wasm_allocator.alloc(u8, @max(len, 1)) catch return null;
            return block.ptr;
        }

        fn free(block: [*]u8, len: usize) callconv(.c) void {
            std.heap.wasm_allocator.free(block[0..@max(len, 1)]);
        }
    };
    @export(&exports.handleMessage, .{ .name = "handle_message" });
    @export(&exports.getResponse, .{ .name = "get_response" });
    @export(&exports.alloc, .{ .name = "caxton_alloc" });
    @export(&exports.free, .{ .name = "caxton_free" });
}
