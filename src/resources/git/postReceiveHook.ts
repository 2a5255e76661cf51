import { quoteForShell } from "../../machine/quoteForShell.ts";

/**
 * The hook that asks for a reconciliation when commits arrive in the bare repository.
 *
 * It is given nothing of the pusher's environment, names the socket relative to the repository (a Unix socket's path is limited to
 * about a hundred bytes, and the folder may be moved), says one line and never fails a push.
 */
export function postReceiveHook(node: string): string {
  return `#!/bin/sh
# Made by Dayzero, which puts it back when it is changed.
cat >/dev/null
env -i ${quoteForShell(node)} - <<'SCRIPT' || echo "dayzero: not asked to refresh; Argo CD will find the commit at its next poll"
const { request } = require("node:http");
const later = (why) => console.log("dayzero: " + why + "; Argo CD will find the commit at its next poll");
const asked = request({ socketPath: "../../run/renewer.sock", method: "POST", path: "/refresh", timeout: 5000 });
asked.on("response", (response) => {
  response.resume();
  if (response.statusCode === 202) console.log("dayzero: refresh requested");
  else later("the refresh was answered with " + response.statusCode);
});
asked.on("timeout", () => asked.destroy(new Error("timeout")));
asked.on("error", () => later("the stack does not answer"));
asked.end();
SCRIPT
exit 0
`;
}
