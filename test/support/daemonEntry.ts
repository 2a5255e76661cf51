// Stands for the hidden commands `dayzero serve` and `dayzero credential`: what the local room's tests start without the command line.
import { adminCredential, certificateCredential, tokenCredential } from "../../src/daemons/identity/execCredential.ts";
import { serveIdentityBroker } from "../../src/daemons/identity/identityBroker.ts";

const [command, kind, ...rest] = process.argv.slice(2);
const directory = rest[rest.indexOf("--directory") + 1] ?? "";

if (command === "serve" && kind === "identity-broker") {
  const end = new AbortController();
  process.on("SIGTERM", () => end.abort());
  await serveIdentityBroker({ directory, signal: end.signal });
} else if (command === "credential") {
  const [namespace = "", name = ""] = (rest[0] ?? "").split("/");
  const credential =
    kind === "token"
      ? await tokenCredential({ directory, namespace, name })
      : kind === "admin"
        ? await adminCredential({ directory })
        : await certificateCredential({ directory, identity: "kube-controller-manager" });
  process.stdout.write(JSON.stringify(credential));
} else {
  throw new Error(`no such command: ${command} ${kind}`);
}
