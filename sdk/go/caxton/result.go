package caxton

// done turns the answer of a call without data into an error.
func done(call string, answer int32) error {
	if answer < 0 {
		return failed(call, answer)
	}
	return nil
}

// result reads the data that a call has left, whose answer is their length.
func result(call string, answer int32) ([]byte, error) {
	if answer < 0 {
		return nil, failed(call, answer)
	}
	return read(int(answer)), nil
}

func read(length int) []byte {
	bytes := make([]byte, length)
	if length > 0 {
		hostReadResult(data(bytes))
	}
	return bytes
}

// last reads data whose length nobody has told.
func last() []byte {
	for length := 1 << 10; ; length *= 2 {
		bytes := make([]byte, length)
		if got := int(hostReadResult(data(bytes))); got < length {
			return bytes[:got]
		}
	}
}

// info is what the host says about the last result; it replaces that result.
func info() map[string]any {
	object, _ := parse(read(int(hostResultInfo()))).(map[string]any)
	return object
}

// failed is the error of a call that has answered a negative number.
func failed(call string, answer int32) *Error {
	said := last()
	return newError(call, Kind(answer), said, info())
}

func newError(call string, kind Kind, said []byte, about map[string]any) *Error {
	retryable, _ := about["retryable"].(bool)
	return &Error{
		Call:         call,
		Kind:         kind,
		Code:         text(about["code"]),
		Data:         said,
		Performative: text(about["performative"]),
		Headers:      texts(about["headers"]),
		Retryable:    retryable,
	}
}
