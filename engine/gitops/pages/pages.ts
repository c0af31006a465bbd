import { createHash } from "node:crypto";
import { isIP } from "node:net";
import { bareHost } from "../../lib/ip-address.ts";
import { decodePathPart } from "../../lib/request-url.ts";
import type { TreeEntry } from "../git/git-source.ts";
import { isStatusBranch } from "../git/status-branch.ts";
import { OversizedObject } from "../git/stored-object.ts";
import { findPage, type FoundPage } from "./find-page.ts";
import { pageForm, pagePolicy, renderList, renderMarkdown, renderPage, type Link } from "./render-page.ts";

export interface PageRequest {
  /** With its escapes, without what follows a question mark. */
  readonly path: string;
  readonly accept: string;
  readonly ifNoneMatch: string | undefined;
  /** Whether the reader may read a repository, by the name of its Repository object. */
  mayRead(repository: string): Promise<boolean>;
}

export interface PageAnswer {
  readonly code: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
}

/** A hosted repository. */
export interface PageSource {
  /** Its folder without `.git`, and its name in addresses. */
  readonly name: string;
  readonly repository: string;
}

const TAKES_FETCH = "Reading takes the verb fetch on repositories.mainstay.dev.";

/** Longer texts are given as they are: one that is made to be slow takes some ten seconds for each megabyte. */
const MARKDOWN_LENGTH_MAX = 128 << 10;

/**
 * The hosted repositories as a browser reads them: `/<repository>/<branch>/<path>`. `/` leads to the status page, if there is one repository
 * with one. Markdown becomes HTML for who asks for that; all else is given as it is. Only reads.
 */
export async function answerPage(root: string, sources: readonly PageSource[], request: PageRequest): Promise<PageAnswer> {
  const parts = request.path.slice(1).split("/").map(decodePathPart);
  const [name = "", ...rest] = parts.filter((part) => part !== "");
  const isComplete = request.path.endsWith("/");
  if (request.path === "/favicon.ico") return { code: 204, headers: HEADERS, body: "" }; // every browser asks for one
  if (name === "") return answerRepositories(root, sources, request);
  const source = sources.find((candidate) => candidate.name === name.replace(/\.git$/, ""));
  if (source === undefined || parts.includes(undefined) || !(await request.mayRead(source.repository)))
    return text(404, `There is no such repository here, or you may not read it. ${TAKES_FETCH}`);
  if (name !== source.name)
    return rest.length === 0 ? redirect(addressOf(source.name)) : text(404, "There is only Git here: git clone the repository's address.");
  try {
    const found = await findPage(root, name, rest.map(String));
    if (found.is === "folder" && !isComplete) return redirect(addressOf(name, found.branch, ...found.path));
    return answerFound(source.name, found, request);
  } catch (error) {
    if (error instanceof OversizedObject) return text(413, "This file is too long to be shown; clone the repository to read it.");
    throw error;
  }
}

/** Whether a name that somebody calls this server by is its own: a page elsewhere may have its own name lead here, and would read what is here as its own. */
export function isOwnName(host: string | undefined): boolean {
  const name = host === undefined ? undefined : URL.parse(`http://${host}`);
  return name != null && (isIP(bareHost(name)) !== 0 || /(^|\.)localhost$/.test(name.hostname));
}

async function answerRepositories(root: string, sources: readonly PageSource[], request: PageRequest): Promise<PageAnswer> {
  const may = await Promise.all(sources.map(({ repository }) => request.mayRead(repository)));
  const readable = sources.filter((_, index) => may[index]);
  const [only, another] = readable;
  if (only !== undefined && another === undefined) {
    const found = await findPage(root, only.name, []);
    const [status, further] = found.is === "branches" ? found.branches.filter(isStatusBranch) : [];
    if (status !== undefined && further === undefined) return redirect(addressOf(only.name, status));
  }
  const content = renderList(
    readable.map(({ name }) => ({ text: name, href: addressOf(name) })),
    `No repository that you may read is hosted here. ${TAKES_FETCH}`,
  );
  return page(request, "Repositories", [], versionOf(content), () => content);
}

function answerFound(name: string, found: FoundPage, request: PageRequest): PageAnswer {
  switch (found.is) {
    case "nothing":
      return text(404, "There is no such branch or file.");
    case "branches": {
      const content = renderList(
        found.branches.map((branch) => ({ text: branch, href: addressOf(name, branch) })),
        "Nothing has been pushed yet.",
      );
      return page(request, name, [], versionOf(content), () => content);
    }
    case "folder": {
      const list = () => renderList(found.entries.map(linkTo), "This folder is empty.");
      if (found.readme === undefined) return page(request, titleOf(name, found), crumbsOf(name, found), found.commit, list);
      const files = `<details><summary>Files</summary>${list()}</details>`;
      return markdown(request, found.readme, titleOf(name, found), crumbsOf(name, found), found.commit, files);
    }
    case "file": {
      const { content } = found;
      const file = found.path.at(-1) ?? "";
      if (file.endsWith(".md")) return markdown(request, content.toString(), titleOf(name, found), crumbsOf(name, found), found.commit);
      const type = content.includes(0) ? "application/octet-stream" : `${file.endsWith(".json") ? "application/json" : "text/plain"}; charset=utf-8`;
      return raw(request, found.commit, type, content);
    }
  }
}

function linkTo({ name, is }: TreeEntry): Link {
  const slash = is === "directory" ? "/" : "";
  return { text: name + slash, href: `./${encodeURIComponent(name)}${slash}` };
}

function markdown(request: PageRequest, source: string, title: string, crumbs: readonly Link[], version: string, behind = ""): PageAnswer {
  return request.accept.includes("text/html") && source.length <= MARKDOWN_LENGTH_MAX
    ? page(request, title, crumbs, version, () => renderMarkdown(source) + behind)
    : raw(request, version, "text/markdown; charset=utf-8", source);
}

function page(request: PageRequest, title: string, crumbs: readonly Link[], version: string, content: () => string): PageAnswer {
  const tag = `"${version}-${pageForm()}"`;
  return tagged(request, tag, { "content-type": "text/html; charset=utf-8", "content-security-policy": pagePolicy() }, () =>
    renderPage(title, crumbs, tag, content()),
  );
}

function raw(request: PageRequest, version: string, type: string, content: string | Buffer): PageAnswer {
  return tagged(request, `"${version}"`, { "content-type": type, "content-security-policy": RAW_POLICY }, () => content);
}

/** Not sent again to who has it. */
function tagged(request: PageRequest, tag: string, headers: Readonly<Record<string, string>>, body: () => string | Buffer): PageAnswer {
  const common = { ...HEADERS, etag: tag, vary: "Accept, Authorization" };
  return request.ifNoneMatch === tag ? { code: 304, headers: common, body: "" } : { code: 200, headers: { ...common, ...headers }, body: body() };
}

/** What tells a text that is in no commit from the next. */
function versionOf(text: string): string {
  return createHash("sha1").update(text).digest("hex");
}

/** What was pushed has no power in a browser. */
const RAW_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox";
const HEADERS = {
  "cache-control": "no-cache",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  // A page elsewhere must not learn by what it can load which files there are.
  "cross-origin-resource-policy": "same-origin",
};

function redirect(location: string): PageAnswer {
  return { code: 302, headers: { ...HEADERS, location }, body: "" };
}

function text(code: number, line: string): PageAnswer {
  return { code, headers: { ...HEADERS, "content-type": "text/plain; charset=utf-8" }, body: `${line}\n` };
}

/** The address of a folder. */
function addressOf(name: string, branch = "", ...folders: readonly string[]): string {
  const parts = [name, ...branch.split("/"), ...folders].filter((part) => part !== "");
  return `/${parts.map(encodeURIComponent).join("/")}/`;
}

/** The way to a folder, itself last, or to the folder of a file. */
function crumbsOf(name: string, { is, branch, path }: Extract<FoundPage, { readonly branch: string }>): readonly Link[] {
  const folders = is === "folder" ? path : path.slice(0, -1);
  return [
    { text: name, href: addressOf(name) },
    { text: branch, href: addressOf(name, branch) },
    ...folders.map((part, index) => ({ text: part, href: addressOf(name, branch, ...path.slice(0, index + 1)) })),
  ];
}

function titleOf(name: string, { branch, path }: { readonly branch: string; readonly path: readonly string[] }): string {
  return [name, branch, ...path].join("/");
}
