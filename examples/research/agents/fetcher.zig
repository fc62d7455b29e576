//! fetcher: reads pages from the web, all at the same time.
//!
//! message   {"urls": ["http://...", ...]}
//! response  [{"url": ..., "text": ..., "problem": null or why there is no text}, ...], in the same order
//!
//! Which hosts it may reach is not its business: the rules of http.fetch say it, and what they refuse is a problem
//! of that page alone.

const std = @import("std");
const caxton = @import("caxton.zig");

const longest_page = 64 << 10;
const timeout_ms = 15_000;

const Page = struct { url: []const u8, text: []const u8 = "", problem: ?[]const u8 = null };
const Answer = struct { status: u16, text: ?[]const u8 = null };

fn handle(message: []const u8) ![]const u8 {
    const urls = (try caxton.parse(struct { urls: []const []const u8 }, message)).urls;
    const pages = try caxton.heap.alloc(Page, urls.len);
    var pending: caxton.Pending = .{};
    for (urls, pages, 0..) |url, *page, number| {
        page.* = .{ .url = url };
        try pending.tool(number, "http.fetch", .{ .url = url, .max_bytes = longest_page }, timeout_ms);
    }
    while (try pending.next()) |done| try read(done.outcome, &pages[done.number]);
    return caxton.json(pages);
}

fn read(outcome: caxton.Outcome, page: *Page) !void {
    if (outcome.code != null) {
        page.problem = try outcome.problem();
        return;
    }
    const answer = try outcome.structured(Answer);
    if (answer.status != 200) {
        page.problem = try std.fmt.allocPrint(caxton.heap, "the server answered {d}", .{answer.status});
    } else if (answer.text) |text| {
        page.text = text;
    } else {
        page.problem = "it is no text";
    }
}

comptime {
    caxton.agent(handle);
}
