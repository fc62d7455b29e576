//! The conformance agent: does what a message's first line says (docs/reference/conformance.md).

const std = @import("std");
const caxton = @import("caxton");
const Allocator = std.mem.Allocator;

/// A message's parts. `words` gives the arguments that have not been taken yet.
const Request = struct {
    turn: Allocator,
    words: std.mem.SplitIterator(u8, .scalar),
    body: []const u8,

    fn word(request: *Request) []const u8 {
        return request.words.next() orelse "";
    }

    fn number(request: *Request, T: type) T {
        return std.fmt.parseInt(T, request.word(), 10) catch 0;
    }

    fn format(request: *Request, comptime text: []const u8, arguments: anytype) ![]const u8 {
        return std.fmt.allocPrint(request.turn, text, arguments);
    }
};

const Answer = anyerror![]const u8;

pub fn handle(turn: Allocator, message: []const u8) Answer {
    return answer(turn, message) catch |reason| {
        const kind = kindOf(reason) orelse return reason;
        const failure = caxton.failure();
        const code = if (failure.code.len > 0) failure.code else "-";
        return std.fmt.allocPrint(turn, "error {s} {s}\n{s}", .{ kind, code, failure.data });
    };
}

fn answer(turn: Allocator, message: []const u8) Answer {
    const end = std.mem.indexOfScalar(u8, message, '\n') orelse message.len;
    var request: Request = .{
        .turn = turn,
        .words = std.mem.splitScalar(u8, message[0..end], ' '),
        .body = message[@min(end + 1, message.len)..],
    };
    const name = request.word();
    inline for (comptime std.meta.declarations(commands)) |command| {
        if (std.mem.eql(u8, command, name)) {
            return @call(.never_inline, @field(commands, command), .{&request});
        }
    }
    return caxton.fail(try request.format("unknown command: {s}", .{name}));
}

fn kindOf(reason: anyerror) ?[]const u8 {
    return switch (reason) {
        error.NotFound => "not-found",
        error.Denied => "denied",
        error.BadArgument => "bad-argument",
        error.Limit => "limit",
        error.Timeout => "timeout",
        error.Failed => "failed",
        error.Cycle => "cycle",
        error.MailboxFull => "mailbox-full",
        error.Unknown => "unknown",
        error.Stopped => "stopped",
        else => null,
    };
}

var counted: u64 = 0;

const commands = struct {
    pub fn conformance(_: *Request) Answer {
        return "caxton-conformance 1 zig";
    }

    pub fn echo(r: *Request) Answer {
        return r.body;
    }

    pub fn empty(_: *Request) Answer {
        return "";
    }

    pub fn repeat(r: *Request) Answer {
        const all = try r.turn.alloc(u8, r.number(usize) * r.body.len);
        var rest = all;
        while (rest.len > 0) : (rest = rest[r.body.len..]) @memcpy(rest[0..r.body.len], r.body);
        return all;
    }

    pub fn fail(r: *Request) Answer {
        return caxton.fail(r.body);
    }

    pub fn panic(r: *Request) Answer {
        std.debug.panic("{s}", .{r.body});
    }

    pub fn spin(_: *Request) Answer {
        var turns: u64 = 0;
        while (true) : (turns +%= 1) std.mem.doNotOptimizeAway(turns);
    }

    pub fn eat(_: *Request) Answer {
        while (true) _ = try caxton.allocator.alloc(u8, 60_000);
    }

    pub fn count(r: *Request) Answer {
        counted += 1;
        return r.format("{d}", .{counted});
    }

    pub fn log(r: *Request) Answer {
        const name = r.word();
        const level: caxton.Level = if (std.mem.eql(u8, name, "error"))
            .err
        else
            std.meta.stringToEnum(caxton.Level, name) orelse .info;
        caxton.log(level, r.body);
        return "";
    }

    pub fn print(r: *Request) Answer {
        std.log.info("{s}", .{r.body});
        return "";
    }

    pub fn context(r: *Request) Answer {
        return caxton.context(r.turn);
    }

    pub fn envelope(r: *Request) Answer {
        return caxton.envelopeJson(r.turn);
    }

    pub fn tell(r: *Request) Answer {
        try caxton.tell(r.word(), r.body);
        return "ok";
    }

    pub fn send(r: *Request) Answer {
        const size = r.number(usize);
        try caxton.sendJson(r.body[0..size], r.body[size..]);
        return "ok";
    }

    pub fn publish(r: *Request) Answer {
        try caxton.publish(r.word(), r.body);
        return "ok";
    }

    pub fn subscribe(r: *Request) Answer {
        try caxton.subscribe(r.word());
        return "ok";
    }

    pub fn unsubscribe(r: *Request) Answer {
        try caxton.unsubscribe(r.word());
        return "ok";
    }

    pub fn ask(r: *Request) Answer {
        const to = r.word();
        const reply = try caxton.ask(r.turn, to, r.body, r.number(i64));
        return r.format("{s}\n{s}", .{ reply.performative, reply.payload });
    }

    pub fn call(r: *Request) Answer {
        return caxton.callTool(r.turn, r.word(), r.body);
    }

    pub fn race(r: *Request) Answer {
        const timeout = r.number(i64);
        return first(r, try start(r, caxton.askStart, timeout), timeout);
    }

    pub fn @"tools-race"(r: *Request) Answer {
        const timeout = r.number(i64);
        return first(r, try start(r, caxton.toolStart, timeout), timeout);
    }

    pub fn gather(r: *Request) Answer {
        const timeout = r.number(i64);
        const handles = try start(r, caxton.askStart, timeout);
        const answers = try r.turn.alloc([]const u8, handles.len);
        const places = try r.turn.alloc(usize, handles.len);
        for (places, 0..) |*place, index| place.* = index;
        var open = handles.len;
        while (open > 0) {
            const outcome = try caxton.wait(r.turn, handles[0..open], timeout);
            answers[places[outcome.index]] = (try outcome.reply).payload;
            open -= 1;
            handles[outcome.index] = handles[open];
            places[outcome.index] = places[open];
        }
        return std.mem.join(r.turn, "\n", answers);
    }

    pub fn cancel(r: *Request) Answer {
        const handle_ = try caxton.askStart(r.word(), r.body, 60_000);
        try handle_.cancel();
        return (try (try caxton.wait(r.turn, &.{handle_}, 1000)).reply).payload;
    }

    pub fn @"cancel-twice"(r: *Request) Answer {
        const handle_ = try caxton.askStart(r.word(), r.body, 60_000);
        try handle_.cancel();
        try handle_.cancel();
        return "ok";
    }

    pub fn tools(r: *Request) Answer {
        return caxton.listTools(r.turn);
    }

    pub fn emit(r: *Request) Answer {
        for (0..r.number(usize)) |_| try caxton.emit(r.body);
        return "done";
    }

    pub fn @"defer"(r: *Request) Answer {
        const asker = (try caxton.envelope(r.turn)).sender orelse "";
        try caxton.state.put("token", try caxton.deferReply(r.turn));
        try caxton.state.put("asker", asker);
        return "";
    }

    pub fn @"resume"(r: *Request) Answer {
        try caxton.replyLater(r.turn, try caxton.state.get(r.turn, "token"), r.body);
        return "ok";
    }

    pub fn get(r: *Request) Answer {
        return caxton.state.get(r.turn, r.word());
    }

    pub fn put(r: *Request) Answer {
        try caxton.state.put(r.word(), r.body);
        return "ok";
    }

    pub fn delete(r: *Request) Answer {
        try caxton.state.delete(r.word());
        return "ok";
    }

    pub fn keys(r: *Request) Answer {
        return caxton.state.keys(r.turn, r.word());
    }

    pub fn timer(r: *Request) Answer {
        const delay = r.number(i64);
        const set = try caxton.setTimer(delay, r.number(i64), r.body);
        return r.format("{d}", .{@intFromEnum(set)});
    }

    pub fn untimer(r: *Request) Answer {
        try @as(caxton.Timer, @enumFromInt(r.number(i32))).cancel();
        return "ok";
    }

    pub fn now(r: *Request) Answer {
        return r.format("{d}", .{caxton.now()});
    }

    pub fn monotonic(r: *Request) Answer {
        return r.format("{d}", .{caxton.monotonic()});
    }

    pub fn random(r: *Request) Answer {
        const bytes = try r.turn.alloc(u8, r.number(usize));
        caxton.random(bytes);
        return bytes;
    }

    pub fn sleep(r: *Request) Answer {
        try caxton.sleep(r.number(i64));
        return "ok";
    }

    pub fn then(r: *Request) Answer {
        const size = r.number(usize);
        const former = try handle(r.turn, r.body[0..size]);
        return r.format("{s}\n{s}", .{ former, try handle(r.turn, r.body[size..]) });
    }
};

/// Starts one ask or call for each of the remaining arguments.
fn start(r: *Request, comptime begin: anytype, timeout: i64) ![]caxton.Handle {
    var handles: std.ArrayList(caxton.Handle) = .empty;
    while (r.words.next()) |to| try handles.append(r.turn, try begin(to, r.body, timeout));
    return handles.items;
}

fn first(r: *Request, handles: []const caxton.Handle, timeout: i64) Answer {
    const outcome = try caxton.wait(r.turn, handles, timeout);
    return r.format("{d}\n{s}", .{ outcome.index, (try outcome.reply).payload });
}
