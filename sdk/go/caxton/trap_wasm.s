#include "textflag.h"

// func trap()
TEXT ·trap(SB), NOSPLIT, $0-0
	Unreachable
	RET

// func growStack()
TEXT ·growStack(SB), 0, $8192-0
	RET
