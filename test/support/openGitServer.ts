import { spawn } from "node:child_process";
import { createServer } from "node:https";

/** A Git server as nobody should run it: the real `git http-backend`, for whoever asks, pushes too. Resolves with what stops it. */
export async function openGitServer(options: {
  readonly repositories: string;
  readonly port: number;
  readonly certificate: string;
  readonly key: string;
}): Promise<() => Promise<void>> {
  const server = createServer({ cert: options.certificate, key: options.key }, (request, response) => {
    const { pathname, search } = new URL(request.url ?? "/", "https://git");
    const backend = spawn("git", ["http-backend"], {
      env: {
        PATH: process.env.PATH ?? "",
        GIT_CONFIG_GLOBAL: "/dev/null",
        // Over what the repository says itself.
        GIT_CONFIG_COUNT: "1",
        GIT_CONFIG_KEY_0: "http.receivepack",
        GIT_CONFIG_VALUE_0: "true",
        GIT_PROJECT_ROOT: options.repositories,
        GIT_HTTP_EXPORT_ALL: "1",
        // http-backend takes it as leave to push.
        REMOTE_USER: "anybody",
        REQUEST_METHOD: request.method ?? "GET",
        PATH_INFO: pathname,
        QUERY_STRING: search.slice(1),
        CONTENT_TYPE: request.headers["content-type"] ?? "",
        CONTENT_LENGTH: request.headers["content-length"] ?? "",
      },
      stdio: ["pipe", "pipe", "ignore"],
    });
    request.pipe(backend.stdin);
    const chunks: Buffer[] = [];
    backend.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    backend.on("close", () => {
      const answer = Buffer.concat(chunks);
      const end = answer.indexOf("\r\n\r\n");
      const head = answer.subarray(0, end).toString("latin1").split("\r\n");
      const headers = Object.fromEntries(head.map((line) => line.split(/:\s*/, 2) as [string, string]));
      const { Status: status = "200", ...rest } = headers;
      response.writeHead(Number.parseInt(status, 10), rest).end(answer.subarray(end + 4));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, "127.0.0.1", resolve);
  });
  return async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
}
