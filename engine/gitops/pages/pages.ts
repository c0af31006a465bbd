import { createHash } from "node:crypto";
import { describeError, type Logger } from "../../lib/log.ts";
import { decodePathPart } from "../../lib/net/request-url.ts";
import type { TreeEntry } from "../git/git-source.ts";
import { isStatusBranch } from "../git/status-branch.ts";
import { OversizedObject } from "../git/stored-object.ts";
import { findBranch, listBranches, readPage, type FoundFile, type FoundPage, type PageStore } from "./find-page.ts";
import { MarkdownRenderer } from "./markdown-renderer.ts";
import { pageForm, pagePolicy, renderList, renderPage, type Link } from "./render-page.ts";

export interface PageRequest {
  /** With its escapes, without what follows a question mark. */
  readonly path: string;
  readonly accept: string;
  readonly ifNoneMatch: string | undefined;
  /** Whether the reader has said who he is, and so may want to be forgotten. */
  readonly isLoggedIn: boolean;
  /** Whether the reader may read a repository, by the name of its Repository object. Rejects when that cannot be told. */
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
  readonly store: PageStore;
}

const TAKES_FETCH = "Reading takes the verb fetch on repositories.mainstay.dev.";

/** Longer texts are given as they are: hardly any plan is, and one that is made to be slow has its end by time. */
const MARKDOWN_LENGTH_MAX = 512 << 10;
/** Of branches and of the entries of a folder: in more nobody finds his way, and a page of them would be of any length. */
const LINKS_MAX = 1_000;

/**
 * The hosted repositories as a browser reads them: `/<repository>/<branch>/<path>`. `/` leads to the status page, if there is one repository
 * with one. Markdown becomes HTML for who asks for that; all else is given as it is. Only reads.
 */
export class Pages {
  readonly #sources: () => readonly PageSource[];
  readonly #markdown: MarkdownRenderer;
  readonly #logger: Logger;

  constructor(sources: () => readonly PageSource[], logger: Logger) {
    this.#sources = sources;
    this.#markdown = new MarkdownRenderer(logger);
    this.#logger = logger;
  }

  /** Rejects when it cannot be told what the reader may read. */
  async answer(request: PageRequest): Promise<PageAnswer> {
    const parts = request.path.slice(1).split("/").map(decodePathPart);
    const [name = "", ...rest] = parts.filter((part) => part !== "");
    if (request.path === "/favicon.ico") return { code: 204, headers: HEADERS, body: "" }; // every browser asks for one
    if (name === "") {
      const may = await Promise.all(this.#sources().map(async (source) => ((await request.mayRead(source.repository)) ? [source] : [])));
      return this.#shown(request, () => answerRepositories(may.flat(), request));
    }
    const source = this.#sources().find((candidate) => candidate.name === name.replace(/\.git$/, ""));
    if (source === undefined || parts.includes(undefined) || !(await request.mayRead(source.repository)))
      return text(404, `There is no such repository here, or you may not read it. ${TAKES_FETCH}`);
    if (name !== source.name)
      return rest.length === 0 ? redirect(addressOf(source.name)) : text(404, "There is only Git here: git clone the repository's address.");
    return this.#shown(request, () => this.#answerPath(source, rest.map(String), request));
  }

  async #shown(request: PageRequest, show: () => Promise<PageAnswer>): Promise<PageAnswer> {
    try {
      return await show();
    } catch (error) {
      if (error instanceof OversizedObject) return text(413, "This file is too long to be shown; clone the repository to read it.");
      this.#logger.warn("page not shown", { path: request.path, error: describeError(error) });
      return text(500, "This page cannot be shown; the server's log says why.");
    }
  }

  async #answerPath({ name, store }: PageSource, parts: readonly string[], request: PageRequest): Promise<PageAnswer> {
    if (parts.length === 0) return answerBranches(name, await listBranches(store), request);
    const at = await findBranch(store, parts);
    // Of a commit it is the same page as it was: who follows one has nothing read again.
    if (at !== undefined && asksForHtml(request) && isKnown(request, pageTag(at.commit))) return unchanged(pageTag(at.commit));
    const found = at === undefined ? undefined : await readPage(store.objects, at);
    if (found === undefined) return text(404, "There is no such branch or file.");
    if (found.is === "folder") {
      if (!request.path.endsWith("/")) return redirect(addressOf(name, found.branch, ...found.path));
      const list = renderSome(found.entries, linkTo, "This folder is empty.", "git clone brings all");
      if (found.readme === undefined) return page(request, titleOf(name, found), crumbsOf(name, found), found.commit, list);
      return this.#answerMarkdown(request, found.readme, name, found, `<details><summary>Files</summary>${list}</details>`);
    }
    const { content } = found;
    const file = found.path.at(-1) ?? "";
    if (file.endsWith(".md")) return this.#answerMarkdown(request, found, name, found);
    const type = content.includes(0) ? "application/octet-stream" : `${file.endsWith(".json") ? "application/json" : "text/plain"}; charset=utf-8`;
    return raw(request, found.commit, type, content);
  }

  async #answerMarkdown(request: PageRequest, { id, content }: FoundFile, name: string, found: FoundPage, behind = ""): Promise<PageAnswer> {
    // Not every browser shows the Markdown that it gets.
    const asItIs = () => raw(request, found.commit, `text/${asksForHtml(request) ? "plain" : "markdown"}; charset=utf-8`, content);
    if (!asksForHtml(request) || content.length > MARKDOWN_LENGTH_MAX) return asItIs();
    const rendering = await this.#markdown.render(id, content.toString());
    if (rendering.is === "busy") return text(503, "Too many pages are being laid out; try again in a moment.");
    if (rendering.is === "excessive") return asItIs();
    return page(request, titleOf(name, found), crumbsOf(name, found), found.commit, rendering.html + behind);
  }
}

async function answerRepositories(readable: readonly PageSource[], request: PageRequest): Promise<PageAnswer> {
  const [only, another] = readable;
  if (only !== undefined && another === undefined) {
    const [status, further] = (await listBranches(only.store)).filter(isStatusBranch);
    if (status !== undefined && further === undefined) return redirect(addressOf(only.name, status));
  }
  const content = renderList(
    readable.map(({ name }) => ({ text: name, href: addressOf(name) })),
    `No repository that you may read is hosted here. ${TAKES_FETCH}`,
  );
  return page(request, "Repositories", [], versionOf(content), content);
}

function answerBranches(name: string, branches: readonly string[], request: PageRequest): PageAnswer {
  const linkToBranch = (branch: string) => ({ text: branch, href: addressOf(name, branch) });
  const content = renderSome(branches, linkToBranch, "Nothing has been pushed yet.", "git ls-remote --heads lists all");
  return page(request, name, [], versionOf(content), content);
}

/** Links to the first ones, and how many there are besides. */
function renderSome<T>(all: readonly T[], link: (one: T) => Link, none: string, elsewhere: string): string {
  const more = all.length > LINKS_MAX ? `<p>${all.length - LINKS_MAX} more are not shown; ${elsewhere}.</p>\n` : "";
  return renderList(all.slice(0, LINKS_MAX).map(link), none) + more;
}

function linkTo({ name, is }: TreeEntry): Link {
  const slash = is === "directory" ? "/" : "";
  return { text: name + slash, href: `./${encodeURIComponent(name)}${slash}` };
}

function asksForHtml({ accept }: PageRequest): boolean {
  return accept.includes("text/html");
}

function page(request: PageRequest, title: string, crumbs: readonly Link[], version: string, content: string): PageAnswer {
  const tag = pageTag(version);
  const headers = { "content-type": "text/html; charset=utf-8", "content-security-policy": pagePolicy() };
  return tagged(request, tag, headers, () => renderPage({ title, crumbs, tag, content, isLoggedIn: request.isLoggedIn }));
}

function pageTag(version: string): string {
  return `"${version}-${pageForm()}"`;
}

function raw(request: PageRequest, version: string, type: string, content: Buffer): PageAnswer {
  return tagged(request, `"${version}"`, { "content-type": type, "content-security-policy": RAW_POLICY }, () => content);
}

/** Not sent again to who has it. */
function tagged(request: PageRequest, tag: string, headers: Readonly<Record<string, string>>, body: () => string | Buffer): PageAnswer {
  return isKnown(request, tag) ? unchanged(tag) : { code: 200, headers: { ...HEADERS, ...tagHeaders(tag), ...headers }, body: body() };
}

function unchanged(tag: string): PageAnswer {
  return { code: 304, headers: { ...HEADERS, ...tagHeaders(tag) }, body: "" };
}

function tagHeaders(tag: string): Readonly<Record<string, string>> {
  return { etag: tag, vary: "Accept, Authorization" };
}

/** What proxies have compressed, they mark as weak. */
function isKnown({ ifNoneMatch = "" }: PageRequest, tag: string): boolean {
  return ifNoneMatch.split(",").some((known) => known.trim().replace(/^W\//, "") === tag);
}

/** What tells a text that is in no commit from the next. */
function versionOf(text: string): string {
  return createHash("sha1").update(text).digest("hex");
}

/** What was pushed has no power in a browser. */
const RAW_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox";
const HEADERS = {
  "cache-control": "private, no-cache",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
};

function redirect(location: string): PageAnswer {
  // For who reads without a browser, and without following.
  return { code: 302, headers: { ...HEADERS, location, "content-type": "text/plain; charset=utf-8" }, body: `This page is at ${location}\n` };
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
function crumbsOf(name: string, { is, branch, path }: FoundPage): readonly Link[] {
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
