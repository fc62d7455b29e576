//! Envelopes: what there is to a message beside its payload.

use crate::error::Error;
use crate::result::{done, text};
use crate::{host, json};

macro_rules! envelope {
    ($($field:ident $name:literal),* $(,)?) => {
        /// An envelope's fields; what is empty is not there.
        ///
        /// For headers, and for several receivers, there are [`envelope_json`] and [`send_json`].
        #[derive(Clone, Debug, Default)]
        pub struct Envelope {
            $(#[doc = concat!("`", $name, "`")] pub $field: String,)*
        }

        impl Envelope {
            fn read(json: &str) -> Envelope {
                Envelope { $($field: json::member(json, $name),)* }
            }

            fn members(&self) -> Vec<(&'static str, &str)> {
                vec![$(($name, self.$field.as_str()),)*]
            }
        }
    };
}

envelope! {
    performative "performative",
    sender "sender",
    receiver "receiver",
    conversation_id "conversation-id",
    reply_with "reply-with",
    in_reply_to "in-reply-to",
    reply_by "reply-by",
    ontology "ontology",
    language "language",
    content_type "content-type",
    id "id",
}

/// The current message's envelope.
pub fn envelope() -> Result<Envelope, Error> {
    envelope_json().map(|json| Envelope::read(&json))
}

/// The current message's envelope, without its payload, as JSON.
pub fn envelope_json() -> Result<String, Error> {
    // SAFETY: it takes nothing.
    text(unsafe { host::envelope() })
}

/// Queues any envelope.
pub fn send(envelope: &Envelope, payload: impl AsRef<[u8]>) -> Result<(), Error> {
    let members: Vec<String> = envelope
        .members()
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{}:{}", json::quote(name), json::quote(value)))
        .collect();
    send_json(&format!("{{{}}}", members.join(",")), payload)
}

/// Queues any envelope: its JSON without content, and its payload.
pub fn send_json(envelope: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> Result<(), Error> {
    let (meta, payload) = (envelope.as_ref(), payload.as_ref());
    // SAFETY: the pairs are places of slices that live until the call has ended.
    done(unsafe { host::send_envelope(meta.as_ptr(), meta.len(), payload.as_ptr(), payload.len()) })
}

/// No reply at the end of this turn: a later [`reply_later`] with this token is it.
pub fn defer() -> Result<String, Error> {
    // SAFETY: it takes nothing.
    text(unsafe { host::defer() })
}

/// Queues the reply that an earlier turn has put off.
pub fn reply_later(token: &str, payload: impl AsRef<[u8]>) -> Result<(), Error> {
    let envelope =
        Envelope { performative: "inform".into(), in_reply_to: token.into(), ..Envelope::default() };
    send(&envelope, payload)
}
