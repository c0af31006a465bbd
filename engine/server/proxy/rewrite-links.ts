import type { IncomingMessage } from "node:http";
import { Transform, type Readable } from "node:stream";
import { createDeflate, createGunzip, createGzip, createInflate } from "node:zlib";
import { loadHtmlRewriter } from "../../lib/late-modules.ts";
import { TagScanner } from "./html-tags.ts";

/** Attributes that hold addresses, by element: those of HTML 4 and 5. Addresses in styles and scripts stay as they are. */
const LINKS: Readonly<Record<string, readonly string[]>> = {
  a: ["href"],
  applet: ["codebase"],
  area: ["href"],
  audio: ["src"],
  base: ["href"],
  blockquote: ["cite"],
  body: ["background"],
  button: ["formaction"],
  command: ["icon"],
  del: ["cite"],
  embed: ["src"],
  form: ["action"],
  frame: ["longdesc", "src"],
  head: ["profile"],
  html: ["manifest"],
  iframe: ["longdesc", "src"],
  img: ["longdesc", "src", "usemap"],
  input: ["src", "usemap", "formaction"],
  ins: ["cite"],
  link: ["href"],
  object: ["classid", "codebase", "data", "usemap"],
  q: ["cite"],
  script: ["src"],
  source: ["src"],
  video: ["poster", "src"],
};

const CODINGS: Readonly<Record<string, { readonly read: () => Transform; readonly write: () => Transform }>> = {
  gzip: { read: createGunzip, write: createGzip },
  deflate: { read: createInflate, write: createDeflate },
};

/** Whether the answer is a page whose links can be read: HTML in UTF-8, packed in a way that is known here. */
export function hasLinks({ headers }: Pick<IncomingMessage, "headers">): boolean {
  const [type = "", ...parameters] = (headers["content-type"] ?? "")
    .toLowerCase()
    .split(";")
    .map((part) => part.trim());
  const coding = headers["content-encoding"];
  const isUtf8 = parameters.every((parameter) => !parameter.startsWith("charset=") || /^charset="?utf-?8"?$/.test(parameter));
  return type === "text/html" && isUtf8 && (coding === undefined || Object.hasOwn(CODINGS, coding));
}

/** The stages that the body of an answer that `hasLinks` goes through; every link becomes what `rewrite` gives, all else stays as written. */
export function linkStages(body: Readable & Pick<IncomingMessage, "headers">, rewrite: (link: string) => string): readonly [Readable, ...Transform[]] {
  const coding = CODINGS[body.headers["content-encoding"] ?? ""];
  if (coding === undefined) return [body.setEncoding("utf8"), linkRewriter(rewrite)];
  return [body, coding.read().setEncoding("utf8"), linkRewriter(rewrite), coding.write()];
}

/** Hands text on as it comes, tag by tag: nothing of a page is held but one tag. */
function linkRewriter(rewrite: (link: string) => string): Transform {
  const scanner = new TagScanner();
  const rewriteTag = tagRewriter(rewrite);
  return new Transform({
    decodeStrings: false,
    encoding: "utf8",
    transform(text: string, _encoding, done) {
      let result = "";
      for (const part of scanner.read(text)) result += part.tag === undefined ? part.text : rewriteTag(part.text, part.tag);
      done(null, result);
    },
    flush: (done) => done(null, scanner.end()),
  });
}

/** Gives a tag with its links rewritten, and as it is when none of them changes. */
function tagRewriter(rewrite: (link: string) => string): (text: string, tag: string) => string {
  const tags = new (loadHtmlRewriter().RewritingStream)();
  let written = "";
  tags.push = (html: string | null) => {
    written += html ?? "";
    return true;
  };
  tags.on("startTag", (tag) => {
    let isChanged = false;
    for (const attribute of tag.attrs) {
      if (LINKS[tag.tagName]?.includes(attribute.name) !== true) continue;
      const link = rewrite(attribute.value);
      isChanged ||= link !== attribute.value;
      attribute.value = link;
    }
    if (isChanged) tags.emitStartTag(tag);
  });
  tags.on("endTag", () => {});
  return (text, tag) => {
    if (!Object.hasOwn(LINKS, tag) || !text.includes("/")) return text;
    written = "";
    // What would follow a script is no tag to the reader of tags.
    tags.write(`${text}</${tag}>`);
    return written || text;
  };
}
