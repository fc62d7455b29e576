// The import module caxton. Only what an agent calls becomes an import of its module.

// @ts-ignore: decorator
@external("caxton", "log") export declare function log(level: i32, at: usize, length: i32): void;
// @ts-ignore: decorator
@external("caxton", "read_result") export declare function read_result(at: usize, length: i32): i32;
// @ts-ignore: decorator
@external("caxton", "result_info") export declare function result_info(): i32;
// @ts-ignore: decorator
@external("caxton", "context") export declare function context(): i32;
// @ts-ignore: decorator
@external("caxton", "envelope") export declare function envelope(): i32;
// @ts-ignore: decorator
@external("caxton", "tell") export declare function tell(to: usize, toLength: i32, at: usize, length: i32): i32;
// @ts-ignore: decorator
@external("caxton", "send_envelope")
export declare function send_envelope(meta: usize, metaLength: i32, at: usize, length: i32): i32;
// @ts-ignore: decorator
@external("caxton", "publish") export declare function publish(topic: usize, topicLength: i32, at: usize, length: i32): i32;
// @ts-ignore: decorator
@external("caxton", "subscribe") export declare function subscribe(topic: usize, topicLength: i32): i32;
// @ts-ignore: decorator
@external("caxton", "unsubscribe") export declare function unsubscribe(topic: usize, topicLength: i32): i32;
// @ts-ignore: decorator
@external("caxton", "ask")
export declare function ask(to: usize, toLength: i32, at: usize, length: i32, timeout: i64): i32;
// @ts-ignore: decorator
@external("caxton", "call_tool")
export declare function call_tool(name: usize, nameLength: i32, at: usize, length: i32): i32;
// @ts-ignore: decorator
@external("caxton", "ask_start")
export declare function ask_start(to: usize, toLength: i32, at: usize, length: i32, timeout: i64): i32;
// @ts-ignore: decorator
@external("caxton", "tool_start")
export declare function tool_start(name: usize, nameLength: i32, at: usize, length: i32, timeout: i64): i32;
// @ts-ignore: decorator
@external("caxton", "wait") export declare function wait(handles: usize, count: i32, timeout: i64): i32;
// @ts-ignore: decorator
@external("caxton", "cancel") export declare function cancel(handle: i32): i32;
// @ts-ignore: decorator
@external("caxton", "list_tools") export declare function list_tools(): i32;
// @ts-ignore: decorator
@external("caxton", "emit") export declare function emit(at: usize, length: i32): i32;
// @ts-ignore: decorator
@external("caxton", "defer") export declare function defer(): i32;
// @ts-ignore: decorator
@external("caxton", "state_get") export declare function state_get(key: usize, keyLength: i32): i32;
// @ts-ignore: decorator
@external("caxton", "state_put")
export declare function state_put(key: usize, keyLength: i32, at: usize, length: i32): i32;
// @ts-ignore: decorator
@external("caxton", "state_delete") export declare function state_delete(key: usize, keyLength: i32): i32;
// @ts-ignore: decorator
@external("caxton", "state_keys") export declare function state_keys(prefix: usize, prefixLength: i32): i32;
// @ts-ignore: decorator
@external("caxton", "set_timer")
export declare function set_timer(delay: i64, period: i64, at: usize, length: i32): i32;
// @ts-ignore: decorator
@external("caxton", "cancel_timer") export declare function cancel_timer(id: i32): i32;
// @ts-ignore: decorator
@external("caxton", "now_ms") export declare function now_ms(): i64;
// @ts-ignore: decorator
@external("caxton", "monotonic_ns") export declare function monotonic_ns(): i64;
// @ts-ignore: decorator
@external("caxton", "random") export declare function random(at: usize, length: i32): void;
// @ts-ignore: decorator
@external("caxton", "sleep_ms") export declare function sleep_ms(milliseconds: i64): i32;
