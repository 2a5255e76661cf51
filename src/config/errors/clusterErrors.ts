import type { ErrorArea } from "./ErrorEntry.ts";

/** Kubernetes: reaching the cluster, and objects in it. */
export const clusterErrors = {
  KUBERNETES_FAILED: {
    title: "the API server refused a request",
    meaning:
      "The message has the request, the status and the server's own reason (never for Secrets, which it might quote).",
    causes: [
      "missing rights (403)",
      "an object that the server or a webhook does not accept (400, 422)",
      "a server in trouble (5xx)",
    ],
    remedy: [
      "See that your kubeconfig may do this: `kubectl auth can-i VERB RESOURCE`.",
      "Of an embedded cluster see `dayzero status` and logs/kube-apiserver.log, then run `dayzero up` again.",
    ],
  },
  CLUSTER_UNREACHABLE: {
    title: "the API server does not answer",
    meaning: "No connection, or it broke before the answer came.",
    causes: [
      "the cluster is down, or another address than the kubeconfig's",
      "a VPN or firewall in between",
      "an embedded API server that is not running",
    ],
    remedy: [
      "`dayzero status` tells what of an embedded stack does not answer; `dayzero up` starts it again.",
      "Of an existing cluster, see that `kubectl version` works with the same kubeconfig.",
    ],
  },
  CLUSTER_REFUSED: {
    title: "the API server does not let this identity in",
    meaning: "It answered 401 or 403 to the first question, or to the agent's for its one Secret.",
    causes: [
      "a login that has expired",
      "a user without the rights of an administrator",
      "the agent's Role or RoleBinding was removed",
    ],
    remedy: [
      "Log in again, or use a kubeconfig with the rights that `dayzero doctor` lists.",
      "Of the agent, put Role and RoleBinding back (`dayzero up`).",
    ],
  },
  CLUSTER_ABSENT: {
    title: "this stack has no cluster yet",
    meaning: "The stack's folder holds nothing of a cluster.",
    causes: ["`dayzero up` was never run, or ended before the cluster was made", "another `--state`"],
    remedy: ["Run `dayzero up`, which makes it."],
  },
  CLUSTER_INCOMPLETE: {
    title: "the cluster's data is there, and a file to reach it is not",
    meaning: "Something was removed from the stack's folder: ports or the authority of the API server.",
    causes: ["files were deleted by hand", "a backup that was restored in part"],
    remedy: ["Put the missing file back, or run `dayzero up`, which makes it anew."],
  },
  CLUSTER_NOT_RUNNING: {
    title: "the cluster is not there yet",
    meaning: "A Kubernetes provider of the program points at the stack's own cluster, which does not run.",
    causes: ["a plan before the first `up`"],
    remedy: ["Run `dayzero up`: it starts the cluster first."],
  },
  GENERATION_MISSING: {
    title: "the cluster's generation cannot be told",
    meaning:
      "The trust is bound to one life of the cluster: the UID of its namespace `kube-system`, which is not there.",
    causes: ["a kubeconfig of another kind of API server", "a cluster that is still being made"],
    remedy: ["See that the stack's kubeconfig is the right one.", "Or pass `--generation` with the UID."],
  },
  GENERATION_UNKNOWN: {
    title: "the cluster did not get its namespace kube-system",
    meaning: "A fresh API server makes it by itself within seconds; this one did not.",
    causes: ["an API server that cannot write to etcd"],
    remedy: ["Read the API server's log (logs/kube-apiserver.log), then run `dayzero up` again."],
  },
  KUBECONFIG_MISSING: {
    title: "the kubeconfig cannot be read",
    meaning: "There is no readable file at the path named.",
    causes: ["a wrong path in `dayzero:cluster.kubeconfig`", "an embedded stack that was not made yet"],
    remedy: ["Name a kubeconfig that is there; an embedded stack's own is written by `dayzero up`."],
  },
  KUBECONFIG_INVALID: {
    title: "the kubeconfig cannot be used",
    meaning:
      "It is not YAML, or its context, cluster or user is missing or of a kind that Dayzero does not read. Its content is not quoted.",
    causes: ["a context that does not exist", "`auth-provider`, which Kubernetes dropped"],
    remedy: [
      "Correct the kubeconfig; `kubectl config get-contexts` lists what it has.",
      "Run `dayzero up` where it is the stack's own.",
    ],
  },
  KUBECONFIG_EXEC_FAILED: {
    title: "the kubeconfig's command gave no credential",
    meaning: "The `exec` command of the chosen user failed, or printed no ExecCredential.",
    causes: ["the command is not installed", "a cloud login that has expired", "an embedded stack that does not run"],
    remedy: ["Run the command by hand and see that it works.", "Of an embedded stack see `dayzero status`."],
  },
  LEASE_LOST: {
    title: "the stack's Lease was lost",
    meaning:
      "The Lease keeps two runs apart. It could not be renewed in time, so this run stopped before its next write.",
    causes: [
      "the machine slept or the process was stopped",
      "the API server did not answer for a while",
      "somebody else took the stack over",
    ],
    remedy: ["Run `dayzero up` again when nobody else is changing the stack."],
  },
  NAMESPACE_MISSING: {
    title: "an object names no namespace",
    meaning: "There is no default namespace: it would differ from person to person.",
    causes: ["`metadata.namespace` was left out"],
    remedy: ["Set `metadata.namespace`."],
  },
  OBJECT_NOT_OWN: {
    title: "the object exists and is not the stack's",
    meaning: "Dayzero never takes over an object without being asked. It was left as it is.",
    causes: ["somebody made it by hand or with another tool", "another stack has the same name for it"],
    remedy: ["Hand it over by the label or annotation that the hint names, or give yours another name."],
  },
  OBJECT_NOT_READY: {
    title: "an object did not become ready",
    meaning: "It was applied; its own conditions say what it waits for.",
    causes: ["an image that cannot be pulled", "too few nodes or too little memory", "a mistake in the object"],
    remedy: ["See its events (`kubectl describe`), correct what it reports, then run `dayzero up` again."],
  },
  OBJECT_NOT_GONE: {
    title: "an object is still being deleted",
    meaning: "It was deleted and did not disappear within the time given: a finalizer holds it.",
    causes: ["the controller that clears the finalizer does not run"],
    remedy: ["See `metadata.finalizers`, and start the controller that clears them."],
  },
} satisfies ErrorArea;
