import { createHash } from "node:crypto";
import { type Input, type Output, output } from "@pulumi/pulumi/output.js";
import { ComponentResource, type ComponentResourceOptions, type Resource } from "@pulumi/pulumi/resource.js";
import { ADOPT_ANNOTATION } from "../manifests/marks.ts";
import { assertOpenBaoSpec, type OpenBaoSpec } from "../manifests/openbao/OpenBaoSpec.ts";
import {
  OPENBAO_CERTIFICATE,
  openBaoAddress,
  openBaoAuthority,
  openBaoDnsNames,
} from "../manifests/openbao/openBaoNames.ts";
import { openBaoNamespace, openBaoObjects } from "../manifests/openbao/openBaoObjects.ts";
import { openBaoStatefulSet } from "../manifests/openbao/openBaoStatefulSet.ts";
import { KubernetesObject } from "../resources/kubernetes/index.ts";
import { Initialization, ServerCertificate } from "../resources/vault/index.ts";

export interface OpenBaoArgs {
  readonly spec: OpenBaoSpec;
  /** How the operator reaches the Service `openbao-operator` from here: `https://host[:port]`. */
  readonly address: string;
  /** age recipients of the unseal or recovery shares; none: a local identity is made. */
  readonly recipients: readonly string[];
  readonly shares: number;
  readonly threshold: number;
  readonly after?: Input<Input<Resource>[]>;
}

/**
 * OpenBao in the stack's cluster, initialized.
 *
 * Which nodes unseal themselves is for `spec.seal`. A Vault inside the cluster whose credentials it gives out is circular when
 * that cluster is lost: an external one is the better choice in production, and with this one the seal is outside.
 */
export class OpenBao extends ComponentResource {
  /** For the operator. */
  readonly address: Output<string>;
  /** For what runs in the cluster. */
  readonly clusterAddress: string;
  /** PEM of the authority of its certificate, at both addresses. */
  readonly ca: Output<string>;
  /** Where that is found in the cluster: `<namespace>/<name>` of a Secret. */
  readonly authority: string;
  /** What is in it is deleted with its nodes: without them nobody could take it out piece by piece. It stays on their volumes. */
  readonly storage: Resource;
  /** Known once it is initialized and unsealed. */
  readonly initialized: Output<boolean>;

  constructor(name: string, args: OpenBaoArgs, options?: ComponentResourceOptions) {
    super("dayzero:components:OpenBao", name, {}, options);
    const { spec, address, recipients, shares, threshold } = args;
    assertOpenBaoSpec(spec);
    const parent = { parent: this };
    const home = openBaoNamespace(spec);
    const namespace = new KubernetesObject(
      `${name}-namespace`,
      // `down` lets it go and leaves it there, with the volumes.
      { ...home, metadata: { ...home.metadata, annotations: { [ADOPT_ANNOTATION]: "true" } } },
      { ...parent, dependsOn: output(args.after ?? []).apply((resources) => resources) },
    );
    const inside = { ...parent, dependsOn: [namespace] };
    const manifests = openBaoObjects(spec);
    const objects = Object.entries(manifests).map(
      ([part, manifest]) => new KubernetesObject(`${name}-${part}`, manifest, inside),
    );
    const certificate = new ServerCertificate(
      `${name}-certificate`,
      { namespace: spec.namespace, secret: OPENBAO_CERTIFICATE, ...namesOf(spec, address) },
      inside,
    );
    const configuration = createHash("sha256").update(JSON.stringify(manifests.configuration)).digest("hex");
    const nodes = openBaoStatefulSet(spec, { configuration });
    this.storage = new KubernetesObject(
      `${name}-nodes`,
      {
        ...nodes,
        spec: certificate.digest.apply(
          (digest) => openBaoStatefulSet(spec, { configuration, certificate: digest }).spec as object,
        ),
      },
      { ...parent, dependsOn: [...objects, certificate] },
    );
    // Does not wait for the nodes as such: none is ready before this is done, and it waits for an answer by itself.
    const initialization = new Initialization(
      `${name}-initialization`,
      {
        address,
        authority: openBaoAuthority(spec),
        autoUnseal: spec.seal.type !== "shamir",
        recipients: [...recipients],
        shares,
        threshold,
      },
      { ...parent, dependsOn: [...objects, certificate] },
    );
    this.clusterAddress = openBaoAddress(spec);
    this.ca = certificate.ca;
    this.authority = openBaoAuthority(spec);
    this.initialized = initialization.initialized;
    this.address = output([initialization.initialized, address] as const).apply(([, known]) => known);
    this.registerOutputs({ address: this.address, initialized: this.initialized });
  }
}

/** The nodes' own names and the one by which the operator comes. */
function namesOf(spec: OpenBaoSpec, address: string): { dnsNames: string[]; ipAddresses: string[] } {
  const { hostname } = new URL(address);
  const bare = hostname.replace(/^\[|\]$/g, "");
  const isAddress = /^[\d.]+$|:/.test(bare);
  const dnsNames = openBaoDnsNames(spec);
  if (isAddress) return { dnsNames, ipAddresses: [bare] };
  return { dnsNames: [...new Set([...dnsNames, hostname])], ipAddresses: [] };
}
