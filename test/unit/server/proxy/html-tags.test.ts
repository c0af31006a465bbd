import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { describe, expect, it } from "vitest";
import { TagScanner, type HtmlPart } from "../../../../engine/server/proxy/html-tags.ts";
import { hasLinks, linkStages } from "../../../../engine/server/proxy/rewrite-links.ts";

function scan(pieces: readonly string[]): { readonly parts: readonly HtmlPart[]; readonly end: string } {
  const scanner = new TagScanner();
  return { parts: pieces.flatMap((piece) => [...scanner.read(piece)]), end: scanner.end() };
}

const tagsOf = (parts: readonly HtmlPart[]) => parts.flatMap(({ tag, text }) => (tag === undefined ? [] : [text]));

describe("the tags of a page", () => {
  it.each<[string, readonly string[]]>([
    ["<p>a < b <a href=/x>c</a>", ["<p>", "<a href=/x>"]],
    [`<A HREF="a>b" title='c>d'>`, [`<A HREF="a>b" title='c>d'>`]],
    ["<a title=it's>x<b>", ["<a title=it's>", "<b>"]],
    ["<!-- <a> --><b><!--><i><!---><u>", ["<b>", "<i>", "<u>"]],
    ["<!doctype html><br/>", ["<br/>"]],
    [`<script>if (a<b) "<a href>"</script><a>`, ["<script>", "<a>"]],
    ["<Script></sCRIPT><a><textarea><b></textarea><i>", ["<Script>", "<a>", "<textarea>", "<i>"]],
    ["<script>İ</script><a>", ["<script>", "<a>"]],
    ["text only", []],
    ["<a href", []],
    ["<!-", []],
  ])("are found in %j, however it comes", (page, tags) => {
    for (const size of [1, 2, 3, 5, page.length]) {
      const pieces = Array.from({ length: Math.ceil(page.length / size) }, (_, index) => page.slice(index * size, (index + 1) * size));
      const { parts, end } = scan(pieces);
      expect(parts.map(({ text }) => text).join("") + end).toBe(page);
      expect(tagsOf(parts)).toEqual(tags);
    }
  });

  it.each(["", "<!--", "<!doctype ", "<script>", "<a", '<a href="', "<a b=1 ", "</"])("are not waited for where %j goes on without end", (begin) => {
    const scanner = new TagScanner();
    let sent = 0;
    let given = 0;
    for (const piece of [begin, ...Array.from({ length: 50 }, () => "x".repeat(10_000))]) {
      sent += piece.length;
      for (const { text } of scanner.read(piece)) given += text.length;
      expect(sent - given).toBeLessThan(80_000);
    }
  });

  it("are found again after one that was too long", () => {
    const { parts } = scan([`<a href="${"x".repeat(100_000)}`, '>">', "<b><script ", "x".repeat(100_000), "><i></script><u>"]);
    expect(tagsOf(parts)).toEqual(["<b>", "<u>"]);
  });
});

async function rewritten(page: string): Promise<string> {
  let shown = "";
  const body = Object.assign(Readable.from([Buffer.from(page)]), { headers: { "content-type": "text/html" } });
  const sink = new Writable({
    decodeStrings: false,
    write(text: string, _encoding, done) {
      shown += text;
      done();
    },
  });
  await pipeline([...linkStages(body, (link) => (link.startsWith("/") ? `/at${link}` : link)), sink]);
  return shown;
}

it("links of a page are rewritten, and all else stays as it is written", async () => {
  const page = `<!doctype html><IMG src='/a?b=1&amp;c=2' alt=x><a href="/no/w" title="&copy;">x</a><script src=/s.js>"<a href=/x>"</script><iframe src="/f"></iframe><a href=x/y>`;
  expect(await rewritten(page)).toBe(
    `<!doctype html><img src="/at/a?b=1&amp;c=2" alt="x"><a href="/at/no/w" title="©">x</a><script src="/at/s.js">"<a href=/x>"</script><iframe src="/at/f"></iframe><a href=x/y>`,
  );
});

it("elements and codings may be called as anything", async () => {
  expect(await rewritten(`<constructor href="/x"><a href="/y">`)).toBe(`<constructor href="/x"><a href="/at/y">`);
  expect(hasLinks({ headers: { "content-type": "text/html", "content-encoding": "constructor" } })).toBe(false);
});
