import type { ErrorArea } from "./ErrorEntry.ts";

/** The stack's program, under `dayzero up` or `pulumi up`. */
export const programErrors = {
  PROGRAM_FAILED: {
    title: "the stack's program failed",
    meaning:
      "The program threw an error of its own, or ended early. What it had registered before was converged; nothing was removed.",
    causes: [
      "a mistake in the program",
      "a configuration value that the program refuses",
      "a package that is not installed",
    ],
    remedy: [
      "Read the first line of what it said; `--debug` adds where.",
      "Correct the program and run `dayzero up` again.",
    ],
  },
  PROGRAM_UNSUPPORTED: {
    title: "the program asks for what `dayzero up` does not do",
    meaning:
      "Remote components, functions of providers, stack references and the like need Pulumi's engine. Nothing was removed.",
    causes: ["a program that was written for `pulumi up`"],
    remedy: ["Run `pulumi up` for this program, or take out what the message names."],
  },
  OPTION_UNSUPPORTED: {
    title: "a resource uses a Pulumi option that `dayzero up` does not honour",
    meaning:
      "An option that is not honoured is refused, since to leave it out could do harm. docs/pulumi-options.md lists which are.",
    causes: ["an option such as `import`, `aliases` or `ignoreChanges`"],
    remedy: ["Run `pulumi up`, or leave the option out."],
  },
  HANDLER_MISSING: {
    title: "there is no resource of this type",
    meaning:
      "`dayzero up` converges `dayzero:*` and `kubernetes:*` resources, and refuses all others by name; the provider knows `dayzero:*` only.",
    causes: ["a resource of another package, such as `aws:*`", "a misspelt type", "a type of a later Dayzero"],
    remedy: [
      "Run `pulumi up` where the program has resources of other packages.",
      "Else correct the type, or install the version that has it.",
    ],
  },
  PROVIDER_MISSING: {
    title: "a Kubernetes resource names no provider",
    meaning:
      "Without one it would go to whatever cluster the person's kubeconfig names at the moment. Nothing was applied.",
    causes: ["a `kubernetes:*` resource without `provider`"],
    remedy: ["Pass `provider: new kubernetes.Provider(...)`."],
  },
  RESOURCE_DUPLICATE: {
    title: "the program registers a resource twice",
    meaning: "Two resources of one type have the same name and parent.",
    causes: ["a name that was copied", "a loop that does not vary the name"],
    remedy: ["Give one of them another name."],
  },
  IDENTITY_DUPLICATE: {
    title: "two resources manage the same thing",
    meaning: "They would overwrite each other at every run.",
    causes: ["the same object is declared under two names"],
    remedy: ["Declare it once."],
  },
  IDENTITY_CHANGED: {
    title: "an update would change what a resource is",
    meaning: "The inputs name another thing than the one in Pulumi's state. Nothing was done: it takes a replacement.",
    causes: ["inputs that were unknown in the preview"],
    remedy: ["Run `pulumi up` again: the new preview shows the replacement."],
  },
  IDENTITY_INVALID: {
    title: "that cannot be the identity of a resource",
    meaning:
      "An identity came in a form that no resource of this type has, so nothing is read, written or removed by it.",
    causes: ["a wrong id in an import", "a state that somebody edited"],
    remedy: [
      "Correct it where it comes from: the import, the program's names, or Pulumi's state (`pulumi state delete`).",
    ],
  },
  IDENTITY_SECRET: {
    title: "a secret is part of a resource's identity",
    meaning: "Identities are stored and shown in clear, so a secret value is refused there.",
    causes: ["a name or path that was read with `config.requireSecret`"],
    remedy: ["Pass that part as plain text."],
  },
  INPUTS_INVALID: {
    title: "a resource's inputs are not valid",
    meaning: "The message lists each input with what was expected. The resource was left as it is.",
    causes: ["a mistake in the program"],
    remedy: ["Correct the inputs in the program."],
  },
  INPUTS_UNKNOWN: {
    title: "inputs have no value yet",
    meaning:
      "Pulumi's engine asked to create or change a resource whose inputs another one has not provided. Nothing was done.",
    causes: ["an output of a resource that failed or was left out (`--target`)"],
    remedy: ["Run `pulumi up` without `--target`, so that what they come from is made first."],
  },
  INPUTS_CREDENTIAL: {
    title: "a resource's inputs hold a credential",
    meaning:
      "Inputs are kept in Pulumi's state, where a credential must never be. It was refused before anything was done; the message names the path and never the value.",
    causes: ["a token or key passed as an input", "a kubeconfig with a key in it"],
    remedy: [
      "Pass the path or the name of what holds it.",
      "If it was in a state before, take it for known to others and replace it.",
    ],
  },
  PROPERTY_UNSUPPORTED: {
    title: "an input is of a kind that cannot be passed",
    meaning: "Assets, archives and whole resources are not taken as inputs.",
    causes: ["a resource in place of one of its outputs"],
    remedy: ["Pass one of its outputs (`resource.id`) or plain text."],
  },
  PROPERTIES_TOO_DEEP: {
    title: "properties are nested too deeply",
    meaning: "Pulumi's engine sent properties of a depth that no resource has; they are not read.",
    causes: ["an object that contains itself"],
    remedy: ["See what the program passes to this resource, and make it flat."],
  },
  RESOURCE_PROTECTED: {
    title: "the resource is protected",
    meaning:
      "A change would replace or remove something declared with `protect: true`. Nothing was removed, and nothing else either.",
    causes: ["a changed input that needs a new identity", "a protected resource taken out of the program"],
    remedy: ["Take the change back, or declare it with `protect: false`, run `dayzero up`, and then make the change."],
  },
  REMOVAL_FAILED: {
    title: "something the program no longer declares could not be removed",
    meaning: "The rest of the run is done. What is left is listed by `dayzero plan`, and the next run tries again.",
    causes: ["the system that holds it does not answer", "missing rights"],
    remedy: ["See the cause named, and run `dayzero up` again once it is gone."],
  },
  CANCELLED: {
    title: "Pulumi's engine cancelled the run",
    meaning: "What was under way was broken off; every step can be run again.",
    causes: ["Ctrl-C in `pulumi up`", "another resource failed"],
    remedy: ["Run `pulumi up` to go on."],
  },
  URN_INVALID: {
    title: "the provider was asked about something that is no resource of its",
    meaning: "The request's URN is malformed, or names another type than the request. Nothing was done.",
    causes: ["something other than Pulumi's engine calls the provider"],
    remedy: ["Let Pulumi call it: run `pulumi up`."],
  },
  PEER_REFUSED: {
    title: "somebody else called the provider",
    meaning: "The provider listens on loopback, as Pulumi's protocol demands, and answers only the user who runs it.",
    causes: ["another user of this machine connected to its port"],
    remedy: ["Run `pulumi up` as the user who is to own the stack."],
  },
} satisfies ErrorArea;
