import MarkdownIt from "markdown-it";
import { escapeHtml } from "./escape-html.ts";

/** The tags that our own pages use besides Markdown (`plan-page.ts`); any others are shown as they are written. */
const OWN_TAGS = /^(<\/?details>|<summary>[^<>]*<\/summary>|\s)+$/;
/** What the addresses of all links may come to: a link that is defined once and used everywhere would make a few lines as long as no memory is. */
const LINKS_LENGTH_MAX = 1 << 20;

/**
 * Markdown as HTML. What is HTML in it is shown as it is written, but for the few tags of our own pages; diagrams, which forges draw, are left
 * out. Undefined for a text whose links come to more than any page has.
 */
export function renderMarkdown(text: string): string | undefined {
  const renderer = new MarkdownIt("default", { html: true });
  const { rules } = renderer.renderer;
  const html = (content: string) => (OWN_TAGS.test(content) ? content : escapeHtml(content));
  rules.html_block = (tokens, index) => html(tokens[index]?.content ?? "");
  rules.html_inline = (tokens, index) => html(tokens[index]?.content ?? "");
  rules.image = (tokens, index) => escapeHtml(tokens[index]?.content ?? ""); // somebody else's server would hear of who reads this
  rules.fence = (tokens, index) => {
    const { info = "", content = "" } = tokens[index] ?? {};
    if (info.trim() === "mermaid") return "";
    return `<pre><code>${info.trim() === "diff" ? content.split("\n").map(diffLine).join("\n") : escapeHtml(content)}</code></pre>\n`;
  };
  let linksLength = 0;
  rules.link_open = (tokens, index, options, _, self) => {
    for (const [, value] of tokens[index]?.attrs ?? []) linksLength += String(value).length;
    return linksLength > LINKS_LENGTH_MAX ? "" : self.renderToken(tokens, index, options);
  };
  const page = renderer.render(text);
  return linksLength > LINKS_LENGTH_MAX ? undefined : page;
}

const DIFF_CLASSES: Readonly<Record<string, string>> = { "+": "add", "-": "del", "!": "mod", "~": "mod" };

function diffLine(line: string): string {
  const kind = DIFF_CLASSES[line.charAt(0)];
  return kind === undefined ? escapeHtml(line) : `<span class="${kind}">${escapeHtml(line)}</span>`;
}
