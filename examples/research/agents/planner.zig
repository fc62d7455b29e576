//! planner: answers a question from a library, with the help of two others, and says where everything comes from.
//!
//! message   a question, as text
//! params    {"library": the address of its catalogue, "documents": how many to read at most}
//! response  a report in Markdown
//!
//! It chooses documents by the catalogue, has the fetcher read them and the summariser sum up each, keeps what came of
//! it as notes, and lets a search of its notes decide what matters. What could not be read is named, with the reason.

const std = @import("std");
const caxton = @import("caxton.zig");

const longest_question = 1000;
const findings_in_a_report = 3;
const timeout_ms = 120_000;

const Params = struct { library: []const u8, documents: usize = 4 };
const Entry = struct { name: []const u8, title: []const u8, about: []const u8, url: []const u8 };
const Page = struct { text: []const u8, problem: ?[]const u8 };
const Note = struct { key: []const u8, text: []const u8 };

const Document = struct { entry: Entry, score: usize, summary: []const u8 = "", problem: ?[]const u8 = null };

fn handle(message: []const u8) ![]const u8 {
    const question = std.mem.trim(u8, message, " \t\r\n");
    if (question.len == 0 or question.len > longest_question)
        return caxton.fail("a question has 1 to {d} bytes", .{longest_question});
    const params = try caxton.params(Params);
    const documents = try choose(question, try catalogue(params.library), params.documents);
    if (documents.len == 0) return caxton.fail("the library has nothing on that", .{});
    try study(question, documents);
    return report(question, documents);
}

// ---- what to read

fn catalogue(library: []const u8) ![]const Entry {
    try caxton.say("reading the catalogue", .{});
    const page = (try fetch(&.{library}))[0];
    if (page.problem) |problem| return caxton.fail("no catalogue: {s}", .{problem});
    return caxton.parse([]const Entry, page.text);
}

fn fetch(urls: []const []const u8) ![]const Page {
    const answer = try caxton.ask("fetcher", .{ .urls = urls }, timeout_ms);
    if (answer.code != null) return caxton.fail("the fetcher: {s}", .{try answer.problem()});
    const pages = try caxton.parse([]const Page, answer.text);
    return if (pages.len == urls.len) pages else caxton.fail("the fetcher has lost pages", .{});
}

/// The documents of the catalogue that have the most words in common with the question.
fn choose(question: []const u8, entries: []const Entry, most: usize) ![]Document {
    var found: std.ArrayList(Document) = .empty;
    for (entries) |entry| {
        const score = 2 * common(question, entry.title) + common(question, entry.about);
        if (score > 0) try found.append(caxton.heap, .{ .entry = entry, .score = score });
    }
    std.mem.sort(Document, found.items, {}, better);
    return found.items[0..@min(most, found.items.len)];
}

fn better(_: void, one: Document, other: Document) bool {
    return one.score > other.score;
}

/// How many of the question's words the text has as well. "sailor" counts for "sailors": a common beginning is enough.
fn common(question: []const u8, text: []const u8) usize {
    var count: usize = 0;
    var words: Words = .of(question);
    while (words.next()) |word| {
        var others: Words = .of(text);
        while (others.next()) |other| {
            const shorter = @min(word.len, other.len);
            if (!std.ascii.eqlIgnoreCase(word[0..shorter], other[0..shorter])) continue;
            count += 1;
            break;
        }
    }
    return count;
}

/// The words of a text, without those that are in every text.
const Words = struct {
    tokens: std.mem.TokenIterator(u8, .any),

    const everywhere = " been does from have into many more most over than that their them then there these they this " ++
        "were what when where which while with ";

    fn of(text: []const u8) Words {
        return .{ .tokens = std.mem.tokenizeAny(u8, text, " \t\r\n.,;:!?()[]\"'`*_/-") };
    }

    fn next(self: *Words) ?[]const u8 {
        while (self.tokens.next()) |word| {
            if (word.len > 3 and std.ascii.findIgnoreCase(everywhere, word) == null) return word;
        }
        return null;
    }
};

// ---- reading it

/// Has every document fetched and summed up; what is known of each is then in it, and in the notes.
fn study(question: []const u8, documents: []Document) !void {
    try caxton.say("reading {d} documents", .{documents.len});
    const urls = try caxton.heap.alloc([]const u8, documents.len);
    for (documents, urls) |document, *url| url.* = document.entry.url;
    var pending: caxton.Pending = .{};
    for (try fetch(urls), documents, 0..) |page, *document, number| {
        document.problem = page.problem;
        if (page.problem == null)
            try pending.ask(number, "summariser", .{ .question = question, .text = page.text }, timeout_ms);
    }
    // A note is written while the summariser has the next text: numbers from documents.len on are notes.
    while (try pending.next()) |done| {
        const document = &documents[done.number % documents.len];
        if (done.outcome.code != null) {
            document.problem = try done.outcome.problem();
        } else if (done.number < documents.len) {
            try caxton.say("summed up: {s}", .{document.entry.title});
            document.summary = done.outcome.text;
            const note = .{ .key = document.entry.name, .text = document.summary, .tags = .{document.entry.name} };
            try pending.tool(done.number + documents.len, "memory.put", note, timeout_ms);
        }
    }
}

// ---- telling it

fn report(question: []const u8, documents: []const Document) ![]const u8 {
    const notes = try search(question, documents);
    if (notes.len == 0) return caxton.fail("nothing could be read:\n{s}", .{try leftOut(documents)});
    var out: std.Io.Writer.Allocating = .init(caxton.heap);
    try out.writer.print("# {s}\n\n{s}\n\n## Findings\n\n", .{ question, try answered(question, notes) });
    for (notes, 1..) |note, number| try out.writer.print("{d}. {s}\n", .{ number, note.text });
    try out.writer.writeAll("\n## Sources\n\n");
    for (notes, 1..) |note, number| {
        if (named(documents, note.key)) |entry| {
            try out.writer.print("{d}. {s}, {s}\n", .{ number, entry.title, entry.url });
        } else {
            try out.writer.print("{d}. {s}, noted earlier\n", .{ number, note.key });
        }
    }
    const missing = try leftOut(documents);
    if (missing.len > 0) try out.writer.print("\n## Left out\n\n{s}", .{missing});
    return out.written();
}

/// The notes that have to do with the question, the best first: of these documents, and of earlier ones.
fn search(question: []const u8, documents: []const Document) ![]const Note {
    const found = try caxton.callTool("memory.search", .{ .query = question, .limit = 20 });
    var notes: std.ArrayList(Note) = .empty;
    for ((try found.structured(struct { notes: []const Note })).notes) |note| {
        if (notes.items.len < findings_in_a_report and (named(documents, note.key) != null or common(question, note.text) > 1))
            try notes.append(caxton.heap, note);
    }
    return notes.items;
}

/// The answer that the notes give together; where the summariser gives none, the best note is it.
fn answered(question: []const u8, notes: []const Note) ![]const u8 {
    var all: std.Io.Writer.Allocating = .init(caxton.heap);
    for (notes) |note| try all.writer.print("{s}\n\n", .{note.text});
    const answer = try caxton.ask("summariser", .{ .question = question, .text = all.written() }, timeout_ms);
    return if (answer.code == null) answer.text else notes[0].text;
}

fn named(documents: []const Document, name: []const u8) ?Entry {
    for (documents) |document| {
        if (std.mem.eql(u8, document.entry.name, name)) return document.entry;
    }
    return null;
}

fn leftOut(documents: []const Document) ![]const u8 {
    var out: std.Io.Writer.Allocating = .init(caxton.heap);
    for (documents) |document| {
        if (document.problem) |problem|
            try out.writer.print("- {s}, {s}: {s}\n", .{ document.entry.title, document.entry.url, problem });
    }
    return out.written();
}

comptime {
    caxton.agent(handle);
}
