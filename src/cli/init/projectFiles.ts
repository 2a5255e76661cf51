/** What `dayzero init` writes into a new project. */

export type ProgramName = "local" | "existing";

export interface Versions {
  readonly dayzero: string;
  readonly pulumi: string;
}

/** Where the package keeps the provider that the Pulumi CLI starts, seen from Pulumi.yaml. */
export const PLUGIN = { name: "dayzero", path: "node_modules/dayzero/bin" };

export const PLUGINS_YAML = `plugins:
  providers:
    - name: ${PLUGIN.name}
      path: ${PLUGIN.path}
`;

/** What must never be committed: a stack's state holds keys. */
export const IGNORED = [".dayzero/", "node_modules/"];

export function packageJson(name: string, versions: Versions): string {
  const content = { name, private: true, type: "module", dependencies: dependenciesOf(versions) };
  return `${JSON.stringify(content, undefined, 2)}\n`;
}

/** Exact: what a program imports and what converges it are one version. */
export function dependenciesOf({ dayzero, pulumi }: Versions): Record<string, string> {
  return { "@pulumi/pulumi": pulumi, dayzero };
}

export function projectYaml(name: string): string {
  return `name: ${name}
description: GitOps with no secret made by hand
runtime:
  name: nodejs
  options:
    # Node runs index.ts as it is.
    typescript: false
main: index.ts
stackConfigDir: stacks
${PLUGINS_YAML}`;
}

export const INDEX_TS = `// What \`dayzero up <stack>\` and \`pulumi up\` run. stacks/Pulumi.<stack>.yaml says what a stack is.
import { readStackSpec } from "dayzero";

export default async function program() {
  const spec = readStackSpec();
  // Resources of your own go here, or use the components of "dayzero" in place of these programs.
  if (spec.program === "local") return (await import("dayzero/stacks/local")).default(spec);
  return (await import("dayzero/stacks/existing")).default(spec);
}
`;

export const STACK_YAML: Readonly<Record<ProgramName, string>> = {
  local: `# The embedded platform: everything runs as processes of this machine, below .dayzero/.
config:
  dayzero:program: local
  # Your own repository, a folder or a URL; without it a scaffold is made.
  # dayzero:repository:
  #   source: https://git.example.com/team/fleet.git
  #   branch: main
  #   path: clusters/local
  # Who can open the sealed Vault; without recipients an identity is kept beside the state.
  # dayzero:vault:
  #   recipients: [age1..., age1..., age1...]
  #   shares: 3
  #   threshold: 2
`,
  existing: `# A cluster that is there already. Correct the values first.
config:
  dayzero:program: existing
  dayzero:cluster:
    kubeconfig: ~/.kube/config
    # context: production # without it the file's current one
  # A Vault of your own, outside of the cluster.
  dayzero:vault:
    address: https://vault.example.com:8200
    # Asked for on the terminal, used once, not kept.
    login: { method: token }
    # In CI, or from a service account of the cluster:
    # login: { method: jwt, mount: ci, role: dayzero, tokenFile: /run/secrets/ci.jwt }
    # login: { method: kubernetes, mount: kubernetes, role: dayzero, serviceAccount: ci/dayzero }
  # Or, in its place, OpenBao installed in the cluster; address is how you reach it from here.
  # dayzero:vault:
  #   install: { namespace: openbao, storage: 10Gi, seal: { type: shamir } } # image: a mirror of OpenBao's, by digest
  #   address: https://openbao.example.com:8200
  #   recipients: [age1..., age1..., age1...]
  #   shares: 3
  #   threshold: 2
  dayzero:repository:
    source: https://git.example.com/team/fleet.git
    # branch: main
    # path: clusters/production
  # dayzero:gitops:
  #   variant: ha # needs three nodes
  #   # Dayzero's image, by its digest: renews the credential in the cluster. Without it you run \`dayzero manifests agent\` yourself.
  #   agentImage: registry.example.com/dayzero@sha256:...
  # Or, in place of the variant, an Argo CD that runs already and reads this repository with a personal access token; stays here for good.
  #   adopt: name-of-the-repository-secret # needs agentImage
`,
};
