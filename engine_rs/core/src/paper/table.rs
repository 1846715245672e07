//! Tables as they leave the engine: named columns of one length.

/// Values of one column.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Column {
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
    U64(Vec<u64>),
    I8(Vec<i8>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    F64(Vec<f64>),
    Bool(Vec<bool>),
    Text(Vec<String>),
    Bytes16(Vec<[u8; 16]>),
}

impl Column {
    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(values) => values.len(),
            Self::U16(values) => values.len(),
            Self::U32(values) => values.len(),
            Self::U64(values) => values.len(),
            Self::I8(values) => values.len(),
            Self::I32(values) => values.len(),
            Self::I64(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Text(values) => values.len(),
            Self::Bytes16(values) => values.len(),
        }
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A named table; every column has the same length.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Its name, without the prefix of the chaos tables.
    pub name: &'static str,
    /// Columns in the order of the table.
    pub columns: Vec<(&'static str, Column)>,
}

impl Table {
    /// A table of these columns.
    ///
    /// # Panics
    ///
    /// When the columns differ in length: a mistake of this crate.
    pub fn new(name: &'static str, columns: Vec<(&'static str, Column)>) -> Self {
        let n_rows = columns.first().map_or(0, |(_, column)| column.len());
        for (column_name, column) in &columns {
            assert_eq!(column.len(), n_rows, "{name}.{column_name}");
        }
        Self { name, columns }
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.columns.first().map_or(0, |(_, column)| column.len())
    }

    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|(known, _)| *known == name).map(|(_, column)| column)
    }
}
