import { answerWork } from "../../lib/answer-work.ts";
import { renderMarkdown } from "./render-markdown.ts";

/** The thread that lays out pages. A text that cannot be laid out is one whose page would be too much. */
answerWork((text: string) => {
  try {
    return renderMarkdown(text);
  } catch {
    return undefined;
  }
});
