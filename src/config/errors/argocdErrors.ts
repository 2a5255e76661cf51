import type { ErrorArea } from "./ErrorEntry.ts";

/** Argo CD: installing it, and taking over one that is there. */
export const argocdErrors = {
  ARGOCD_NOT_OWN: {
    title: "there is an Argo CD already",
    meaning: "Objects of an installation exist that this stack did not make. Nothing was installed.",
    causes: ["somebody installed Argo CD before", "an earlier removal that left something"],
    remedy: [
      "To keep it, name the Secret that it reads Git with in `dayzero:gitops.adopt`.",
      "If nobody uses it, delete it, or hand it over by the label that the hint names.",
    ],
  },
  ARGOCD_DOWNGRADE: {
    title: "the cluster runs a newer Argo CD",
    meaning: "Argo CD does not go back: its stored objects may be of a later format. It was left as it is.",
    causes: ["an older Dayzero than the one that installed it", "Argo CD was upgraded by hand"],
    remedy: ["Use a Dayzero that pins this release or a later one.", "Or let an Application manage Argo CD from Git."],
  },
  ARGOCD_CA_MISSING: {
    title: "Argo CD does not know the Git server's CA",
    meaning:
      "`dayzero:repository.ca` names a CA, and the Argo CD to be taken over would refuse the server's certificate.",
    causes: ["the CA was never added to the Argo CD that is there"],
    remedy: ["Add it to ConfigMap `argocd-tls-certs-cm` under the host's name."],
  },
  ADOPTION_FORGOTTEN: {
    title: "the configuration no longer says that Argo CD was taken over",
    meaning: "The Applications in it are not the stack's; without that line it would take them for its own.",
    causes: ["`dayzero:gitops.adopt` was removed after the adoption"],
    remedy: ["Put it back, for good."],
  },
  APPLICATION_MISSING: {
    title: "the stack's Application is gone",
    meaning: "There is nothing to refresh, and nothing is reconciled.",
    causes: ["somebody deleted it"],
    remedy: ["Run `dayzero up`: it makes the Application again."],
  },
  HANDOVER_TOO_EARLY: {
    title: "the old Secret is not removed yet",
    meaning:
      "It goes only after the agent has put a credential in its place by itself, and it has not. Argo CD goes on with both.",
    causes: ["the agent's pod does not run", "Vault refuses the agent"],
    remedy: [
      "Read the agent's log: `kubectl -n dayzero-system logs deployment/dayzero-agent-NAME`.",
      "Then run `dayzero up` again.",
    ],
  },
  SECRET_NOT_ADOPTABLE: {
    title: "that Secret cannot be replaced",
    meaning: "Replacing it would lose something, or it would come back. It was left as it is.",
    causes: [
      "it is for another repository, or no repository Secret",
      "it holds more than a credential",
      "a controller makes it again (SealedSecret, ExternalSecret)",
    ],
    remedy: ["Follow the hint: it says what stands in the way."],
  },
  SECRET_MISSING: {
    title: "there is no Secret to replace",
    meaning: "`dayzero:gitops.adopt` names one that does not exist, and Argo CD reads the repository with another.",
    causes: ["a misspelt name"],
    remedy: ["Name the Secret that the hint names."],
  },
  SECRET_CHANGED: {
    title: "the old Secret was changed meanwhile",
    meaning: "It is removed only as it was seen. It was left as it is.",
    causes: ["a person or a controller writes it"],
    remedy: ["See who writes it, then run `dayzero up` again."],
  },
} satisfies ErrorArea;
