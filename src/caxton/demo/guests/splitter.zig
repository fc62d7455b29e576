//! splitter: cuts a stream of text into chunks and tells them to the counters in turn.
//!
//! message   "<document> <chunk> <workers> <last>\n" and the next piece of the document
//! tells     counter-NNN: "<document>\n" and a chunk of at least <chunk> bytes (but for the last one);
//!           checksum: the piece as it is
//! response  the number of chunks told in this turn
//!
//! No term is cut in two: a chunk ends after a byte that belongs to none, or where a term of 64
//! bytes ends. What is left of a piece is kept for the next one; <last> is 1 with the last piece.

const std = @import("std");

extern "caxton" fn tell(to: [*]const u8, to_len: usize, body: [*]const u8, body_len: usize) i32;

const longest_term = 64;
const largest_chunk = 2048;

var header: [12]u8 = undefined;
var body: [header.len + largest_chunk + longest_term]u8 = undefined;
var text = struct {
    kept: usize = 0, // bytes of the chunk that is being filled
    run: usize = 0, // length of the term that the last byte belongs to
    worker: usize = 0, // who gets the next chunk
}{};
var response: [12]u8 = undefined;
var response_len: usize = 0;
const heap = std.heap.wasm_allocator;

export fn caxton_alloc(len: usize) ?[*]u8 {
    const block = heap.alloc(u8, @max(len, 1)) catch return null;
    return block.ptr;
}

export fn caxton_free(block: [*]u8, len: usize) void {
    heap.free(block[0..@max(len, 1)]);
}

const Order = struct { document: usize, chunk: usize, workers: usize, last: bool, piece: []const u8 };

fn parse(message: []const u8) !Order {
    const end = std.mem.indexOfScalar(u8, message, '\n') orelse return error.NoOrder;
    var numbers = std.mem.splitScalar(u8, message[0..end], ' ');
    var values: [4]usize = undefined;
    for (&values) |*value| value.* = try std.fmt.parseInt(usize, numbers.next() orelse return error.NoOrder, 10);
    if (values[0] >= 1000 or values[1] < longest_term or values[1] > largest_chunk) return error.OutOfRange;
    if (values[2] < 1 or values[2] > 999) return error.OutOfRange;
    return .{
        .document = values[0],
        .chunk = values[1],
        .workers = values[2],
        .last = values[3] != 0,
        .piece = message[end + 1 ..],
    };
}

fn isWord(byte: u8) bool {
    return std.ascii.isAlphanumeric(byte) or byte == '_' or byte >= 128;
}

fn tellChunk(order: Order, head: usize) !void {
    var name: [16]u8 = undefined;
    const to = try std.fmt.bufPrint(&name, "counter-{d:0>3}", .{text.worker});
    if (tell(to.ptr, to.len, &body, head + text.kept) < 0) return error.Refused;
    text.worker = (text.worker + 1) % order.workers;
    text.kept = 0;
}

fn split(order: Order) !usize {
    const head = (try std.fmt.bufPrint(&header, "{d:0>3}\n", .{order.document})).len;
    @memcpy(body[0..head], header[0..head]);
    var chunks: usize = 0;
    for (order.piece) |byte| {
        body[head + text.kept] = byte;
        text.kept += 1;
        text.run = if (isWord(byte)) (text.run + 1) % longest_term else 0;
        if (text.run == 0 and text.kept >= order.chunk) {
            try tellChunk(order, head);
            chunks += 1;
        }
    }
    if (order.last) {
        text.run = 0;
        if (text.kept > 0) {
            try tellChunk(order, head);
            chunks += 1;
        }
    }
    return chunks;
}

export fn handle_message(message: [*]const u8, len: usize) i32 {
    response_len = 0;
    const order = parse(message[0..len]) catch return 1;
    const chunks = split(order) catch return 2;
    if (order.piece.len > 0 and tell("checksum", 8, order.piece.ptr, order.piece.len) < 0) return 2;
    const written = std.fmt.bufPrint(&response, "{d}", .{chunks}) catch return 3;
    response_len = written.len;
    return 0;
}

export fn get_response(buffer: [*]u8, room: usize) usize {
    const fits = @min(room, response_len);
    @memcpy(buffer[0..fits], response[0..fits]);
    return response_len;
}
