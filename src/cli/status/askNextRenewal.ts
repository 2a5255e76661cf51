import { request } from "node:http";
import type { StackLayout } from "../../machine/StackLayout.ts";
import { socketPath } from "../../machine/socketPath.ts";

/** When the renewer replaces the Git credential, by its own word; rejects when it does not answer. */
export async function askNextRenewal(layout: StackLayout): Promise<string | null> {
  const text = await new Promise<string>((resolve, reject) => {
    const sent = request({ socketPath: socketPath(layout.run("renewer.sock")), path: "/status", agent: false });
    sent.on("error", reject);
    sent.on("response", (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        body += chunk;
      });
      response.on("end", () => resolve(body));
      response.on("error", reject);
    });
    sent.end();
  });
  return (JSON.parse(text) as { nextRenewal: string | null }).nextRenewal;
}
