import { Transform } from "node:stream";
import type { Clock } from "../../engine/lib/clock.ts";
import { cutFrames, dataFrame, openedStream, parseFrame } from "./spdy-frames.ts";
import { SpdyHeaders } from "./spdy-headers.ts";
import { TerminalSizes } from "./terminal-sizes.ts";

/** Passes a client's side of SPDY on as it comes, but for the sizes of its terminal: of many, those that are worth a call to the container. */
export function spareSizes(clock: Clock): Transform {
  const headers = new SpdyHeaders();
  const cut = cutFrames();
  let resize: number | undefined;
  const sizes = new TerminalSizes(clock, (size) => {
    if (resize !== undefined) through.push(dataFrame(resize, size, false));
  });
  const take = (bytes: Buffer): void => {
    const opened = openedStream(bytes);
    if (opened !== undefined && headers.read(opened.headers)?.get("streamtype") === "resize") resize = opened.streamId;
    const frame = parseFrame(bytes);
    if (frame.is === "data" && frame.streamId === resize && !frame.isLast) sizes.take(frame.payload);
    else through.push(bytes);
  };
  const through = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        for (const frame of cut(chunk)) take(frame);
        done();
      } catch (error) {
        done(error as Error); // the frames' functions throw nothing else
      }
    },
    flush(done) {
      sizes.end();
      done();
    },
    destroy(error, done) {
      sizes.end();
      done(error);
    },
  });
  return through;
}
