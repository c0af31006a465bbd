import { answerWork } from "../../lib/answer-work.ts";
import { renderMarkdown } from "./render-markdown.ts";

/** The thread that lays out pages. */
answerWork(renderMarkdown);
