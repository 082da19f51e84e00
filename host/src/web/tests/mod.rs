//! Pages through the whole router.

mod frame;
mod runs;
