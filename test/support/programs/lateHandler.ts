/** A promise that is rejected long before somebody handles it, as the SDK's are when a resource fails early. */
const rejected = Promise.reject(new Error("nobody waits for it yet"));
setTimeout(() => rejected.catch(() => undefined), 1);
// Until the host knows.
setTimeout(() => undefined, 60_000);
