//! {{name}}: greets whoever it is told of, and remembers who came last.

use caxton::{fail, Failure, Reply};

caxton::agent!(handle);

fn handle(message: &[u8]) -> Result<Reply, Failure> {
    if message.is_empty() {
        fail!("whom shall I greet?"); // the asker gets an error
    }

    caxton::state::put("last", message)?;

    Ok(format!("hello, {}", String::from_utf8_lossy(message)).into())
}
