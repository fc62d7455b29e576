// Caxton for agents in JavaScript: see index.d.ts for what each of these does.

export { Answer, Pending } from "./calls.js";
export { ask, askStart, callTool, callToolJson, gather, listTools, toolStart, toolStartJson, wait } from "./calls.js";
export { cancelTimer, context, defer, emit, envelope, log, monotonic, now } from "./calls.js";
export { publish, randomBytes, replyLater, send, setTimer, sleep, state, subscribe, tell, unsubscribe } from "./calls.js";
export { Failure, HostError } from "./errors.js";
export { Message } from "./message.js";
