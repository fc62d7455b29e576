//! What the host offers: the import module `caxton`.

#[link(wasm_import_module = "caxton")]
extern "C" {
    pub fn log(level: i32, at: *const u8, len: usize);
    pub fn read_result(at: *mut u8, len: usize) -> i32;
    pub fn result_info() -> i32;
    pub fn context() -> i32;
    pub fn envelope() -> i32;
    pub fn tell(to: *const u8, to_len: usize, at: *const u8, len: usize) -> i32;
    pub fn send_envelope(meta: *const u8, meta_len: usize, at: *const u8, len: usize) -> i32;
    pub fn publish(topic: *const u8, topic_len: usize, at: *const u8, len: usize) -> i32;
    pub fn subscribe(topic: *const u8, len: usize) -> i32;
    pub fn unsubscribe(topic: *const u8, len: usize) -> i32;
    pub fn ask(to: *const u8, to_len: usize, at: *const u8, len: usize, timeout: i64) -> i32;
    pub fn call_tool(name: *const u8, name_len: usize, at: *const u8, len: usize) -> i32;
    pub fn ask_start(to: *const u8, to_len: usize, at: *const u8, len: usize, timeout: i64) -> i32;
    pub fn tool_start(name: *const u8, name_len: usize, at: *const u8, len: usize, timeout: i64) -> i32;
    pub fn wait(handles: *const i32, count: usize, timeout: i64) -> i32;
    pub fn cancel(handle: i32) -> i32;
    pub fn list_tools() -> i32;
    pub fn emit(at: *const u8, len: usize) -> i32;
    pub fn defer() -> i32;
    pub fn state_get(key: *const u8, len: usize) -> i32;
    pub fn state_put(key: *const u8, key_len: usize, at: *const u8, len: usize) -> i32;
    pub fn state_delete(key: *const u8, len: usize) -> i32;
    pub fn state_keys(prefix: *const u8, len: usize) -> i32;
    pub fn set_timer(delay: i64, period: i64, at: *const u8, len: usize) -> i32;
    pub fn cancel_timer(id: i32) -> i32;
    pub fn now_ms() -> i64;
    pub fn monotonic_ns() -> i64;
    pub fn random(at: *mut u8, len: usize);
    pub fn sleep_ms(time: i64) -> i32;
}
