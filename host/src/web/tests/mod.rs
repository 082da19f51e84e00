//! Pages through the whole router.

mod directory;
mod frame;
