//! The conformance agent: does what a message's first line says (docs/reference/conformance.md).

use std::cell::{Cell, RefCell};
use std::str::{FromStr, Split};
use std::time::{Duration, SystemTime};

use caxton::{fail, Failure, Level, Pending};

caxton::agent!(handle);

type Bytes = Vec<u8>;

/// Why there is no answer: the agent's own failure, or a host call's error, which is told as an answer.
enum No {
    Failure(Failure),
    Error(caxton::Error),
}

impl From<caxton::Error> for No {
    fn from(error: caxton::Error) -> No {
        No::Error(error)
    }
}

impl From<Failure> for No {
    fn from(failure: Failure) -> No {
        No::Failure(failure)
    }
}

type Answer = Result<Bytes, No>;

struct Request<'a> {
    words: Split<'a, char>,
    body: &'a [u8],
}

impl<'a> Request<'a> {
    fn word(&mut self) -> &'a str {
        self.words.next().unwrap_or_default()
    }

    fn number<T: FromStr + Default>(&mut self) -> T {
        self.word().parse().unwrap_or_default()
    }

    fn time(&mut self) -> Duration {
        Duration::from_millis(self.number())
    }

    /// The body in two: the first part has as many bytes as the next argument says.
    fn halves(&mut self) -> (&'a [u8], &'a [u8]) {
        let size = self.number();
        self.body.split_at(size)
    }
}

fn handle(message: &[u8]) -> Result<Bytes, Failure> {
    let end = message.iter().position(|&byte| byte == b'\n').unwrap_or(message.len());
    let line = String::from_utf8_lossy(&message[..end]);
    let mut request =
        Request { words: line.split(' '), body: message.get(end + 1..).unwrap_or_default() };
    match run(&mut request) {
        Ok(answer) => Ok(answer),
        Err(No::Failure(failure)) => Err(failure),
        Err(No::Error(error)) => {
            let code = if error.code.is_empty() { "-" } else { &error.code };
            Ok(joined(format!("error {} {code}", error.kind.name()), &error.data))
        }
    }
}

fn joined(first: impl Into<Bytes>, second: &[u8]) -> Bytes {
    let mut all = first.into();
    all.push(b'\n');
    all.extend(second);
    all
}

fn ok(_: ()) -> Bytes {
    b"ok".to_vec()
}

fn decimal(number: impl ToString) -> Answer {
    Ok(number.to_string().into_bytes())
}

fn run(r: &mut Request) -> Answer {
    match r.word() {
        "conformance" => Ok(b"caxton-conformance 1 rust".to_vec()),
        "echo" => Ok(r.body.to_vec()),
        "empty" => Ok(Bytes::new()),
        "repeat" => Ok(r.body.repeat(r.number())),
        "fail" => Err(Failure::new(r.body).into()),
        "panic" => panic!("{}", String::from_utf8_lossy(r.body)),
        "spin" => loop {
            std::hint::black_box(());
        },
        "eat" => eat(),
        "count" => count(),
        "log" => write_log(r),
        "print" => {
            caxton::log(Level::Info, r.body);
            Ok(Bytes::new())
        }
        "context" => Ok(caxton::context()?.into_bytes()),
        "envelope" => Ok(caxton::envelope_json()?.into_bytes()),
        "tell" => Ok(ok(caxton::tell(r.word(), r.body)?)),
        "send" => {
            let (meta, payload) = r.halves();
            Ok(ok(caxton::send_json(meta, payload)?))
        }
        "publish" => Ok(ok(caxton::publish(r.word(), r.body)?)),
        "subscribe" => Ok(ok(caxton::subscribe(r.word())?)),
        "unsubscribe" => Ok(ok(caxton::unsubscribe(r.word())?)),
        "ask" => {
            let reply = caxton::ask(r.word(), r.body, r.time())?;
            Ok(joined(reply.performative, &reply.payload))
        }
        "call" => Ok(caxton::call_tool(r.word(), r.body)?.into_bytes()),
        "race" => race(r, |to, body, timeout| caxton::ask_start(to, body, timeout)),
        "tools-race" => race(r, |name, json, timeout| caxton::tool_start(name, json, timeout)),
        "gather" => gather(r),
        "cancel" => cancel(r),
        "cancel-twice" => {
            let mut asked = caxton::ask_start(r.word(), r.body, Duration::from_secs(60))?;
            asked.cancel()?;
            Ok(ok(asked.cancel()?))
        }
        "tools" => Ok(caxton::list_tools()?.into_bytes()),
        "emit" => {
            for _ in 0..r.number() {
                caxton::emit(r.body)?;
            }
            Ok(b"done".to_vec())
        }
        "defer" => {
            let asker = caxton::envelope()?.sender;
            caxton::state::put("token", caxton::defer()?)?;
            caxton::state::put("asker", asker)?;
            Ok(Bytes::new())
        }
        "resume" => {
            let token = caxton::state::get("token")?;
            Ok(ok(caxton::reply_later(&String::from_utf8_lossy(&token), r.body)?))
        }
        "get" => Ok(caxton::state::get(r.word())?),
        "put" => Ok(ok(caxton::state::put(r.word(), r.body)?)),
        "delete" => Ok(ok(caxton::state::delete(r.word())?)),
        "keys" => Ok(caxton::state::keys(r.word())?.into_bytes()),
        "timer" => decimal(caxton::set_timer(r.time(), r.time(), r.body)?),
        "untimer" => Ok(ok(caxton::cancel_timer(r.number())?)),
        "now" => decimal(caxton::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis()),
        "monotonic" => decimal(caxton::monotonic().as_nanos()),
        "random" => {
            let mut bytes = vec![0; r.number()];
            caxton::random(&mut bytes);
            Ok(bytes)
        }
        "sleep" => Ok(ok(caxton::sleep(r.time())?)),
        "then" => {
            let (first, second) = r.halves();
            Ok(joined(handle(first)?, &handle(second)?))
        }
        other => fail!("unknown command: {other}"),
    }
}

fn eat() -> Answer {
    thread_local! { static EATEN: RefCell<Vec<Bytes>> = const { RefCell::new(Vec::new()) } }
    loop {
        EATEN.with_borrow_mut(|eaten| eaten.push(vec![1; 60_000]));
    }
}

fn count() -> Answer {
    thread_local! { static COUNTED: Cell<u64> = const { Cell::new(0) } }
    COUNTED.set(COUNTED.get() + 1);
    decimal(COUNTED.get())
}

fn write_log(r: &mut Request) -> Answer {
    let level = match r.word() {
        "trace" => Level::Trace,
        "debug" => Level::Debug,
        "warning" => Level::Warning,
        "error" => Level::Error,
        _ => Level::Info,
    };
    caxton::log(level, r.body);
    Ok(Bytes::new())
}

type Start = fn(&str, &[u8], Duration) -> Result<Pending, caxton::Error>;

/// Starts one ask or call for each of the remaining arguments.
fn start(r: &mut Request, begin: Start, timeout: Duration) -> Result<Vec<Pending>, caxton::Error> {
    let body = r.body;
    r.words.by_ref().map(|to| begin(to, body, timeout)).collect()
}

fn race(r: &mut Request, begin: Start) -> Answer {
    let timeout = r.time();
    let mut all = start(r, begin, timeout)?;
    let first = caxton::wait(&mut all, timeout)?;
    Ok(joined(first.index.to_string(), &first.answer?.payload))
}

fn gather(r: &mut Request) -> Answer {
    let timeout = r.time();
    let mut all = start(r, |to, body, timeout| caxton::ask_start(to, body, timeout), timeout)?;
    let mut answers = vec![Bytes::new(); all.len()];
    for _ in 0..all.len() {
        let next = caxton::wait(&mut all, timeout)?;
        answers[next.index] = next.answer?.payload;
    }
    Ok(answers.join(&b'\n'))
}

fn cancel(r: &mut Request) -> Answer {
    let mut asked = caxton::ask_start(r.word(), r.body, Duration::from_secs(60))?;
    asked.cancel()?;
    let outcome = caxton::wait(std::slice::from_mut(&mut asked), Duration::from_secs(1))?;
    Ok(outcome.answer?.payload)
}
