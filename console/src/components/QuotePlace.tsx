import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { filePicture } from "../api/queries";
import type { PageBox } from "../api/types";
import { boxesByPage, boxWords, pictureType, type PassageTarget } from "../lib/passage";

/** Where the quoted lines stand on their pages: in numbers, and outlined where the file is a picture. */
export function QuotePlace({ target }: { target: PassageTarget }) {
  const [open, setOpen] = useState(false);
  const type = pictureType(target.filename);
  const pages = boxesByPage(target.boxes);
  if (pages.length === 0) return null;
  return (
    <details className="quote-place" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Place on the page</summary>
      {open && type !== null && <Picture target={target} type={type} />}
      <div className="quote-lines" role="region" aria-label="Lines on their pages" tabIndex={0}>
        <dl>
          {pages.map(([page, boxes]) => (
            <div key={page}>
              <dt>Page {page}</dt>
              {boxes.map((box, at) => (
                <dd key={at} className="numeric">
                  {boxWords(box)}
                </dd>
              ))}
            </div>
          ))}
        </dl>
      </div>
    </details>
  );
}

/** The picture that the file is, with the quoted lines outlined. The numbers below stand for it where it fails. */
function Picture({ target, type }: { target: PassageTarget; type: string }) {
  const { data } = useQuery(filePicture(target.fileId, type));
  if (!data) return null;
  return (
    <div className="page-picture">
      <img src={data} alt={`${target.filename}, with the quoted lines outlined`} />
      <svg viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true">
        {target.boxes.map((box, at) => (
          <Outline key={at} box={box} />
        ))}
      </svg>
    </div>
  );
}

function Outline({ box: { x0, y0, x1, y1 } }: { box: PageBox }) {
  return <rect x={x0} y={y0} width={Math.max(0, x1 - x0)} height={Math.max(0, y1 - y0)} />;
}
