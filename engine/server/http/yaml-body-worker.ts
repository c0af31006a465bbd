import { answerWork } from "../../lib/answer-work.ts";
import { readYamlBody } from "./yaml-body.ts";
import type { YamlReply } from "./yaml-thread.ts";

/** The thread that reads long bodies. */
answerWork((text: string): YamlReply => {
  try {
    const { value, repeated } = readYamlBody(text);
    // A copy by way of JSON is the fastest to take over, and keeps whole numbers whole.
    return { is: "read", json: JSON.stringify(value), ...(repeated === undefined ? {} : { repeated }) };
  } catch (error) {
    return { is: "refused", message: error instanceof Error ? error.message : String(error) };
  }
});
