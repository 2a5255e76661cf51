import { get } from "node:http";
import type { RenewalStatus } from "../../daemons/renewer/Renewal.ts";
import type { StackLayout } from "../../machine/StackLayout.ts";
import { socketPath } from "../../machine/socketPath.ts";

/** How the renewer of a local stack stands with the credential that it keeps fresh; rejects when it does not answer. */
export function askRenewer(layout: StackLayout): Promise<RenewalStatus> {
  return new Promise((resolve, reject) => {
    const asked = get({ socketPath: socketPath(layout.renewerSocket), path: "/status", agent: false });
    asked.on("error", reject);
    asked.on("response", async (response) => {
      try {
        let text = "";
        for await (const chunk of response) text += String(chunk);
        resolve(JSON.parse(text) as RenewalStatus);
      } catch (error) {
        reject(error);
      }
    });
  });
}
