package caxton

// StateGet answers a value of the agent's own state, with this turn's changes; NotFound where there is none. The state
// outlives the instance: it is there after a trap.
func StateGet(key string) ([]byte, error) { return result("state_get", hostStateGet(key)) }

// StatePut queues a change of a value.
func StatePut(key string, value []byte) error {
	start, length := data(value)
	return done("state_put", hostStatePut(key, start, length))
}

// StateDelete queues a deletion.
func StateDelete(key string) error { return done("state_delete", hostStateDelete(key)) }

// StateKeys answers the keys that begin with a prefix, in order.
func StateKeys(prefix string) ([]string, error) {
	bytes, err := result("state_keys", hostStateKeys(prefix))
	if err != nil {
		return nil, err
	}
	return list(parse(bytes)), nil
}
