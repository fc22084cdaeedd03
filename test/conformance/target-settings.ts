// What every target that is started here is set to, so that all are asked the same.

/** Longest keep-alive granted to MQTT 5 clients, in seconds. */
export const keepAliveSMax = 60;
/** What CONNACK says. */
export const receiveMaximum = 10;
/** A filter that nobody may subscribe to. */
export const refusedFilter = "test/nosubscribe";
