//! An answer of the service as Spin takes it.

use bytes::Bytes;
use http::{Response, StatusCode};
use spin_sdk::wasip3::http::types::{self, ErrorCode, Fields};
use spin_sdk::wasip3::{spawn, wit_future, wit_stream};

/// Hands the answer to Spin. Its body follows, in one piece, when Spin asks for it.
///
/// # Errors
/// Where Spin refuses a header.
pub(crate) fn write(answer: Response<Bytes>) -> Result<types::Response, ErrorCode> {
    let (head, body) = answer.into_parts();
    let headers: Vec<_> =
        head.headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect();
    let headers = Fields::from_list(&headers).map_err(|error| ErrorCode::InternalError(Some(error.to_string())))?;
    let (mut pieces, contents) = wit_stream::new();
    // There are no trailers. Dropping the writer says so.
    let (no_trailers, trailers) = wit_future::new(|| Ok(None));
    let (response, _sent) = types::Response::new(headers, Some(contents), trailers);
    // Spin begins with 200, and refuses no other status that there is.
    if head.status != StatusCode::OK {
        let _ = response.set_status_code(head.status.as_u16());
    }
    spawn(async move {
        if !body.is_empty() {
            // Nobody needs what the client did not stay for.
            let _ = pieces.write_all(body.into()).await;
        }
        drop(pieces);
        drop(no_trailers);
    });
    Ok(response)
}
