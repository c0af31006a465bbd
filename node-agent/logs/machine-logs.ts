import { createReadStream } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import { decodePathPart } from "../../engine/lib/net/request-url.ts";

/** Where the machine's own programs write. */
const MACHINE_LOGS = "/var/log";

export type MachineLog =
  | { readonly is: "directory"; readonly names: readonly string[] }
  | { readonly is: "file"; readonly file: string; readonly bytes: number }
  | { readonly is: "missing" };

/**
 * What is at a path below `/logs/`. Links that lead out of the directory lead nowhere: whoever may read logs may not read the machine.
 * Things that are neither files nor directories are missing too, for reading them may never end.
 */
export async function findMachineLog(directory: string, pathname: string): Promise<MachineLog> {
  const parts = pathname
    .split("/")
    .filter((part) => part !== "")
    .map(decodePathPart);
  if (parts.some((part) => part === undefined || part === "." || part === ".." || part.includes("/") || part.includes("\0"))) return { is: "missing" };
  try {
    const root = await realpath(directory);
    const file = await realpath(path.join(root, ...(parts as string[]))); // none is undefined: see above
    if (file !== root && !file.startsWith(`${root}/`)) return { is: "missing" };
    const found = await stat(file);
    if (found.isFile()) return { is: "file", file, bytes: found.size };
    if (!found.isDirectory()) return { is: "missing" };
    const entries = await readdir(file, { withFileTypes: true });
    return { is: "directory", names: entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort() };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP") return { is: "missing" };
    throw error;
  }
}

/** Sends it: files as they are now, directories as a page of links. */
export async function sendMachineLog(pathname: string, response: ServerResponse): Promise<void> {
  const found = await findMachineLog(MACHINE_LOGS, pathname);
  switch (found.is) {
    case "missing":
      response.writeHead(404, { "content-type": "text/plain; charset=utf-8" });
      return void response.end("404 page not found\n");
    case "directory":
      response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
      return void response.end(
        `<pre>\n${found.names.map((name) => `<a href="${encodeURI(name).replaceAll("#", "%23").replaceAll("?", "%3F")}">${escapeHtml(name)}</a>\n`).join("")}</pre>\n`,
      );
    case "file":
      response.writeHead(200, { "content-type": "text/plain; charset=utf-8", "content-length": found.bytes });
      if (found.bytes === 0) return void response.end();
      // It may grow while it is sent; its length has been told.
      await pipeline(createReadStream(found.file, { end: found.bytes - 1 }), response);
  }
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
