package caxton

import "slices"

// An Envelope is what there is to say about a message besides its payload. Empty fields are left out.
type Envelope struct {
	Performative   string   // "request", "inform", "cfp", ... ; empty to send is "inform"
	Sender         string   // set by the host
	Receiver       []string // agents, or tool:NAME; a reply may leave it out
	ConversationID string
	ReplyWith      string // asks for a reply, which will carry this as its InReplyTo
	InReplyTo      string // the ReplyWith that this answers, or a token of Defer
	ReplyBy        string // RFC 3339: after it nobody wants the message
	Ontology       string
	Language       string
	ContentType    string
	ID             string // set by the host
	Headers        map[string]string
}

// CurrentEnvelope is the envelope of the message that is being handled. While the agent starts there is none: NotFound.
func CurrentEnvelope() (Envelope, error) {
	raw, err := CurrentEnvelopeJSON()
	if err != nil {
		return Envelope{}, err
	}
	object, _ := parse(raw).(map[string]any)
	receiver := list(object["receiver"])
	if one := text(object["receiver"]); one != "" {
		receiver = []string{one}
	}
	return Envelope{
		Performative:   text(object["performative"]),
		Sender:         text(object["sender"]),
		Receiver:       receiver,
		ConversationID: text(object["conversation-id"]),
		ReplyWith:      text(object["reply-with"]),
		InReplyTo:      text(object["in-reply-to"]),
		ReplyBy:        text(object["reply-by"]),
		Ontology:       text(object["ontology"]),
		Language:       text(object["language"]),
		ContentType:    text(object["content-type"]),
		ID:             text(object["id"]),
		Headers:        texts(object["headers"]),
	}, nil
}

// CurrentEnvelopeJSON is CurrentEnvelope as the host writes it.
func CurrentEnvelopeJSON() ([]byte, error) { return result("envelope", hostEnvelope()) }

// JSON writes the envelope as SendJSON takes it.
func (e Envelope) JSON() []byte {
	performative := e.Performative
	if performative == "" {
		performative = "inform"
	}
	to := quote([]byte(`{"performative":`), performative)
	if len(e.Receiver) == 1 {
		to = quote(append(to, `,"receiver":`...), e.Receiver[0])
	} else if len(e.Receiver) > 1 {
		to = append(to, `,"receiver":[`...)
		for i, name := range e.Receiver {
			if i > 0 {
				to = append(to, ',')
			}
			to = quote(to, name)
		}
		to = append(to, ']')
	}
	for _, field := range [...]struct{ name, value string }{
		{"conversation-id", e.ConversationID},
		{"reply-with", e.ReplyWith},
		{"in-reply-to", e.InReplyTo},
		{"reply-by", e.ReplyBy},
		{"ontology", e.Ontology},
		{"language", e.Language},
		{"content-type", e.ContentType},
	} {
		if field.value != "" {
			to = quote(append(quote(append(to, ','), field.name), ':'), field.value)
		}
	}
	return append(e.appendHeaders(to), '}')
}

func (e Envelope) appendHeaders(to []byte) []byte {
	if len(e.Headers) == 0 {
		return to
	}
	names := make([]string, 0, len(e.Headers))
	for name := range e.Headers {
		names = append(names, name)
	}
	slices.Sort(names)
	to = append(to, `,"headers":{`...)
	for i, name := range names {
		if i > 0 {
			to = append(to, ',')
		}
		to = quote(append(quote(to, name), ':'), e.Headers[name])
	}
	return append(to, '}')
}
