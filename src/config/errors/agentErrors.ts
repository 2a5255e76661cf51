import type { ErrorArea } from "./ErrorEntry.ts";

/** What renews the Git credential in a cluster, and the tokens that it lives on. */
export const agentErrors = {
  AGENT_CONFIGURATION_INVALID: {
    title: "the agent's configuration cannot be used",
    meaning: "The file named with `--config` is missing, is not JSON, or lacks something. The agent did not start.",
    causes: ["a ConfigMap that is not mounted", "a ConfigMap of another version"],
    remedy: ["Take the ConfigMap that `dayzero manifests agent` prints."],
  },
  AGENT_NOT_ALIVE: {
    title: "the agent has stopped going round",
    meaning: "A probe asks; the kubelet then starts the container again.",
    causes: ["it has just started", "a file system for its heartbeat that is full or read-only"],
    remedy: ["Read its log."],
  },
  AGENT_NOT_READY: {
    title: "the agent has not renewed the credential",
    meaning: "A probe asks. The credential in place works until it ends.",
    causes: ["Vault, the API server or the Git server refuses it or does not answer"],
    remedy: ["Read its log, or run `dayzero agent --once` in the pod."],
  },
  TOKEN_MISSING: {
    title: "there is no service-account token where it should be",
    meaning: "The agent lives on projected tokens of its pod and on nothing else.",
    causes: ["the projected volume is not mounted", "another file in its place"],
    remedy: ["Mount a projected volume with a `serviceAccountToken` there, as `dayzero manifests agent` prints it."],
  },
  TOKEN_AUDIENCE_WRONG: {
    title: "the token is for another audience",
    meaning: "A token for one audience is not given to another: Vault would refuse it.",
    causes: ["`audience` of the projected volume was left out or changed"],
    remedy: ["Set the audience that the hint names."],
  },
  TOKEN_EXPIRED: {
    title: "the token has expired",
    meaning: "The kubelet renews projected tokens at four fifths of their life; it has not.",
    causes: ["the kubelet does not run or does not reach the API server", "a clock that is off"],
    remedy: ["See whether the kubelet runs on the node, and whether its clock is right."],
  },
  IDENTITY_BROKER_FAILED: {
    title: "the embedded identity broker gave no token",
    meaning: "On one machine it stands in for the kubelet: service accounts' tokens come from it.",
    causes: ["it does not run", "the API server does not answer", "the service account is not on its list"],
    remedy: ["Run `dayzero up`: it starts what is not running.", "`dayzero status` tells what is dead."],
  },
} satisfies ErrorArea;
