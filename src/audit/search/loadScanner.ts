import { extname } from "node:path";

/** What the scanner takes for a credential; never the text itself. */
export interface Leak {
  /** `GITHUB_TOKEN` */
  readonly form: string;
  readonly line: number;
}

export type Scanner = (text: string, path: string) => Promise<Leak[]>;

/** secretlint with its recommended rules, in this process. https://github.com/secretlint/secretlint */
export async function loadScanner(): Promise<Scanner> {
  const [{ lintSource }, { creator }] = await Promise.all([
    import("@secretlint/core"),
    import("@secretlint/secretlint-rule-preset-recommend"),
  ]);
  const config = { rules: [{ id: "@secretlint/secretlint-rule-preset-recommend", rule: creator }] };
  return async (content, filePath) => {
    const source = { content, filePath, ext: extname(filePath), contentType: "text" as const };
    // The file need not exist, and what is found is for nobody to see.
    const { messages } = await lintSource({ source, options: { config, maskSecrets: true, noPhysicFilePath: false } });
    return messages.map(({ messageId, loc }) => ({ form: messageId, line: loc.start.line }));
  };
}
