/** A part of a page: an element's beginning, whole, or anything else. All parts, one after the other, are the page. */
export interface HtmlPart {
  readonly text: string;
  /** The element that begins here, in lower case. */
  readonly tag?: string;
}

/** A longer tag is no longer looked at: whoever serves a page may send one that never ends. */
const TAG_LENGTH_MAX = 64 * 1024;
/** Elements whose content is no HTML up to their end. */
const RAW = new Map(
  ["script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes", "plaintext"].map((name) => [name, new RegExp(`</${name}`, "i")]),
);

/** Finds the tags of a page that comes piece by piece. What is kept from one piece to the next is at most one tag's beginning, of a bounded length. */
export class TagScanner {
  #rest = "";
  /** What has begun and goes on: a comment, an element whose content is no HTML, or a tag that is too long. */
  #inside: "comment" | "long tag" | RegExp | undefined;
  /** How far the tag at the beginning of the rest was looked at, and whether that is within a value. */
  #at = 1;
  #quote = "";
  #awaitsValue = false;
  #tag = "";

  *read(text: string): Generator<HtmlPart> {
    this.#rest += text;
    while (this.#rest !== "") {
      const part = this.#inside === undefined ? this.#next() : this.#goOn();
      if (part === undefined) return;
      this.#rest = this.#rest.slice(part.text.length);
      if (part.text !== "") yield part;
      else return;
    }
  }

  /** The page has ended: what there is of a tag without an end. */
  end(): string {
    return this.#rest;
  }

  /** The next part; undefined while more of it has to come. */
  #next(): HtmlPart | undefined {
    const rest = this.#rest;
    const begin = rest.indexOf("<");
    if (begin !== 0) return { text: begin < 0 ? rest : rest.slice(0, begin) };
    if (rest.length < 4 && "<!--".startsWith(rest)) return undefined;
    if (rest.startsWith("<!--")) {
      this.#inside = "comment";
      return { text: "<!" }; // `<!-->` is a whole one
    }
    if (!/^<[a-z]/i.test(rest)) return { text: "<" };
    if (this.#at === 1) this.#tag = "";
    const end = this.#endOfTag();
    if (end < 0 && rest.length <= TAG_LENGTH_MAX) return undefined;
    this.#tag = (/^<([^\s/>]{1,32})/.exec(rest)?.[1] ?? "").toLowerCase();
    if (end < 0) {
      this.#inside = "long tag";
      return this.#wholeRest();
    }
    return { text: this.#finishTag(end), tag: this.#tag };
  }

  #goOn(): HtmlPart {
    const rest = this.#rest;
    if (this.#inside === "long tag") {
      const end = this.#endOfTag();
      return end < 0 ? this.#wholeRest() : { text: this.#finishTag(end) };
    }
    const [found, length, keep] = this.#inside === "comment" ? [rest.indexOf("-->"), 3, 2] : [this.#inside?.exec(rest)?.index ?? -1, 0, 16];
    // What may be the beginning of the end stays.
    if (found < 0) return { text: rest.slice(0, Math.max(0, rest.length - keep)) };
    this.#inside = undefined;
    return found + length === 0 ? (this.#next() ?? { text: "" }) : { text: rest.slice(0, found + length) };
  }

  #wholeRest(): HtmlPart {
    this.#at = 0;
    return { text: this.#rest };
  }

  #finishTag(end: number): string {
    this.#inside = RAW.get(this.#tag);
    [this.#at, this.#quote, this.#awaitsValue] = [1, "", false];
    return this.#rest.slice(0, end + 1);
  }

  /** Where the tag ends, looked for from where the last look ended; -1 where it does not yet. */
  #endOfTag(): number {
    for (; this.#at < this.#rest.length; this.#at++) {
      const letter = this.#rest[this.#at] ?? "";
      if (this.#quote !== "") {
        if (letter === this.#quote) this.#quote = "";
      } else if (letter === ">") return this.#at;
      else {
        if (this.#awaitsValue && (letter === '"' || letter === "'")) this.#quote = letter;
        this.#awaitsValue = letter === "=" || (this.#awaitsValue && /\s/.test(letter));
      }
    }
    return -1;
  }
}
