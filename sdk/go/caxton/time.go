package caxton

import "time"

// A TimerID names a timer.
type TimerID int32

// SetTimer queues a message to the agent itself, after delay, and then every period where that is above 0; each 10 ms
// to 366 days. It comes from "@timer".
func SetTimer(delay, period time.Duration, payload []byte) (TimerID, error) {
	start, length := data(payload)
	answer := hostSetTimer(milliseconds(delay), milliseconds(period), start, length)
	if answer < 0 {
		return 0, failed("set_timer", answer)
	}
	return TimerID(answer), nil
}

// CancelTimer queues the end of a timer.
func CancelTimer(id TimerID) error { return done("cancel_timer", hostCancelTimer(int32(id))) }

// Now is the time, in milliseconds; it stands still while a turn computes. time.Now works too.
func Now() time.Time { return time.UnixMilli(hostNow()) }

// Monotonic is the time since the instance began.
func Monotonic() time.Duration { return time.Duration(hostMonotonic()) }

// Sleep waits. time.Sleep works too, and lets other goroutines run.
func Sleep(duration time.Duration) error { return done("sleep_ms", hostSleep(milliseconds(duration))) }

// Random fills bytes with random ones; crypto/rand works too.
func Random(bytes []byte) {
	const most = 1 << 16
	for len(bytes) > 0 {
		part := bytes[:min(len(bytes), most)]
		hostRandom(data(part))
		bytes = bytes[len(part):]
	}
}

// milliseconds rounds up, so that a short time is not none.
func milliseconds(duration time.Duration) int64 {
	if duration <= 0 {
		return int64(duration / time.Millisecond) // -1 ms and less is refused by the host
	}
	return int64((duration + time.Millisecond - 1) / time.Millisecond)
}
