import type { Certificate, Erasure } from "../../api/types";
import { Copy, Id } from "../../components/Copy";
import { Dialog } from "../../components/Dialog";
import { Fact } from "../../components/parts";
import { certificateFile, destroyedFacts, KINDS, laidOut, reasonWords } from "../../lib/erasure";
import { download } from "../../lib/download";
import { moment } from "../../lib/format";

/** One delete over the page: what it destroyed, and its certificate to read and to keep. */
export function ErasureSheet({ erasure, onClose }: { erasure: Erasure | null; onClose: () => void }) {
  return (
    <Dialog title="Delete" open={erasure !== null} onClose={onClose} shape="sheet">
      <div className="sheet-body">{erasure && <Details erasure={erasure} />}</div>
    </Dialog>
  );
}

function Details({ erasure }: { erasure: Erasure }) {
  const destroyed = destroyedFacts(erasure);
  return (
    <div className="file-details">
      <dl className="facts">
        <Fact name="State">
          <Proof erasure={erasure} />
        </Fact>
        <Fact name="What">{KINDS[erasure.kind]}</Fact>
        <Fact name="Why">{reasonWords(erasure)}</Fact>
        <Fact name="Deleted">{moment(erasure.requested_at)}</Fact>
        {erasure.completed_at !== null && <Fact name="Last bytes gone">{moment(erasure.completed_at)}</Fact>}
        <Fact name="Id of what was deleted">
          <Id value={erasure.subject} what="id of what was deleted" length={18} />
        </Fact>
        <Fact name="Tenant">
          <Id value={erasure.tenant} what="tenant id" length={18} />
        </Fact>
        <Fact name="Asked for by key">
          <Id value={erasure.requested_by} what="key id" length={18} />
        </Fact>
        <Fact name="Delete">
          <Id value={erasure.id} what="id of the delete" length={18} />
        </Fact>
      </dl>
      {destroyed.length > 0 && (
        <section>
          <h3>What was destroyed</h3>
          <dl className="facts">
            {destroyed.map(([name, text]) => (
              <Fact key={name} name={name}>
                {name === "SHA-256" ? <Id value={text} what="SHA-256" /> : text}
              </Fact>
            ))}
          </dl>
        </section>
      )}
      {erasure.certificate ? (
        <Signed id={erasure.id} certificate={erasure.certificate} />
      ) : (
        <p className="notice">
          Nothing is answered from it any more. What is left inside files of the index and the database goes by itself,
          usually within an hour or so, or at once by a purge; then there is a certificate.
        </p>
      )}
    </div>
  );
}

function Signed({ id, certificate }: { id: string; certificate: Certificate }) {
  const { statement, signature, public_key } = certificate;
  const save = () =>
    download(`${id}.json`, new Blob([certificateFile(certificate)], { type: "application/json" }));
  return (
    <section>
      <h3>Certificate</h3>
      <p className="muted">
        An Ed25519 signature over exactly the bytes of the statement, which can be checked without this server. It holds
        ids and hashes, and none of the content.
      </p>
      <pre className="statement code" tabIndex={0} role="region" aria-label="Statement">
        {laidOut(statement)}
      </pre>
      <dl className="facts">
        <Fact name="Signature">
          <Id value={signature} what="signature" length={18} />
        </Fact>
        <Fact name="Public key">
          <Id value={public_key} what="public key" length={18} />
        </Fact>
      </dl>
      <div className="row">
        <button type="button" className="button" onClick={save}>
          Download certificate
        </button>
        <Copy text={statement} what="statement" words />
      </div>
    </section>
  );
}

/** Whether a delete is proved. */
export function Proof({ erasure: { status } }: { erasure: Erasure }) {
  return status === "completed" ? (
    <span className="state good">certified</span>
  ) : (
    <span className="state still">waits for the last bytes</span>
  );
}
