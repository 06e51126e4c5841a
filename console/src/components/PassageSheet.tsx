import type { PassageTarget } from "../lib/passage";
import { Dialog } from "./Dialog";
import { PassageView } from "./PassageView";

/** A document over the page: at the right on a wide screen, the whole screen on a phone. */
export function PassageSheet({ target, onClose }: { target: PassageTarget | null; onClose: () => void }) {
  return (
    <Dialog title={target?.filename ?? ""} open={target !== null} onClose={onClose} shape="sheet">
      {target && <PassageView key={JSON.stringify(target)} target={target} />}
    </Dialog>
  );
}
