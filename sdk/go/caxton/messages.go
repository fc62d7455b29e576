package caxton

// Tell queues an inform to an agent, which must be among the agent's peers.
func Tell(to string, payload []byte) error {
	start, length := data(payload)
	return done("tell", hostTell(to, start, length))
}

// Send queues an envelope. One whose InReplyTo is the ReplyWith of the message that is being handled, or a token of
// Defer, is the reply to it: it needs no grant and no receiver.
func Send(envelope Envelope, payload []byte) error { return SendJSON(envelope.JSON(), payload) }

// SendJSON is Send with the envelope as JSON.
func SendJSON(envelope, payload []byte) error {
	start, length := data(payload)
	return done("send_envelope", hostSendEnvelope(string(envelope), start, length))
}

// Publish queues a message to everybody who is subscribed to a topic.
func Publish(topic string, payload []byte) error {
	start, length := data(payload)
	return done("publish", hostPublish(topic, start, length))
}

// Subscribe begins a subscription to a topic or a pattern: "news.>", "news.*.sport".
func Subscribe(topic string) error { return done("subscribe", hostSubscribe(topic)) }

// Unsubscribe ends one.
func Unsubscribe(topic string) error { return done("unsubscribe", hostUnsubscribe(topic)) }

// Emit sends a part of the reply, now, to who streams it.
func Emit(part []byte) error {
	start, length := data(part)
	return done("emit", hostEmit(start, length))
}

// Defer says that no reply comes at the end of this turn. The token is the InReplyTo of the envelope that a later turn
// replies with.
func Defer() (token string, err error) {
	bytes, err := result("defer", hostDefer())
	return string(bytes), err
}
