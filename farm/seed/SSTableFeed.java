import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.cassandra.io.sstable.CQLSSTableWriter;
import org.slf4j.LoggerFactory;

/**
 * Writes rows that arrive on standard input as SSTables, through Cassandra's own CQLSSTableWriter.
 *
 * <p>Arguments: the folder for the SSTables, CREATE TABLE, INSERT with a bind marker a column. Input, all big-endian:
 * the number of columns, each column's width in bytes (0: variable), then chunks until one of no rows. A chunk is its
 * number of rows, then column after column: a bitmap of the nulls (first row in the highest bit), then the values; those
 * of a variable column are preceded by (rows + 1) offsets. Partitions arrive in the order of their tokens. A null is left
 * unset, so that no tombstone is written. The last line of standard output is the number of rows written. The SSTables are of Cassandra 5's format:
 * a node whose storage_compatibility_mode is not NONE passes over them without a word.
 */
public final class SSTableFeed {
    private SSTableFeed() {}

    private static byte[] read(DataInputStream in, int length) throws IOException {
        byte[] bytes = new byte[length];
        in.readFully(bytes);
        return bytes;
    }

    /** One column of a chunk: a view on its bytes, without a copy a value. */
    private record Column(byte[] nulls, int width, ByteBuffer offsets, byte[] values) {
        static Column read(DataInputStream in, int rows, int width) throws IOException {
            byte[] nulls = SSTableFeed.read(in, (rows + 7) / 8);
            if (width > 0) return new Column(nulls, width, null, SSTableFeed.read(in, rows * width));
            ByteBuffer offsets = ByteBuffer.wrap(SSTableFeed.read(in, 4 * (rows + 1)));
            return new Column(nulls, 0, offsets, SSTableFeed.read(in, offsets.getInt(4 * rows)));
        }

        ByteBuffer get(int row) {
            if ((nulls[row >> 3] >> (7 - (row & 7)) & 1) == 1) return CQLSSTableWriter.UNSET_VALUE;
            int start = width > 0 ? row * width : offsets.getInt(4 * row);
            int end = width > 0 ? start + width : offsets.getInt(4 * row + 4);
            return ByteBuffer.wrap(values, start, end - start).slice();
        }
    }

    public static void main(String[] arguments) throws IOException {
        ((ch.qos.logback.classic.Logger) LoggerFactory.getLogger("ROOT")).setLevel(ch.qos.logback.classic.Level.ERROR);
        long written = 0;
        DataInputStream in = new DataInputStream(new BufferedInputStream(System.in, 1 << 20));
        int[] widths = new int[in.readInt()];
        for (int i = 0; i < widths.length; i++) widths[i] = in.readInt();
        try (CQLSSTableWriter writer = CQLSSTableWriter.builder()
                .inDirectory(arguments[0])
                .forTable(arguments[1])
                .using(arguments[2])
                .sorted()
                .build()) {
            List<ByteBuffer> row = new ArrayList<>(Arrays.asList(new ByteBuffer[widths.length]));
            for (int rows = in.readInt(); rows > 0; rows = in.readInt()) {
                Column[] columns = new Column[widths.length];
                for (int i = 0; i < widths.length; i++) columns[i] = Column.read(in, rows, widths[i]);
                for (int r = 0; r < rows; r++) {
                    for (int i = 0; i < widths.length; i++) row.set(i, columns[i].get(r));
                    writer.rawAddRow(row);
                }
                written += rows;
            }
        }
        System.out.write((written + "\n").getBytes(StandardCharsets.US_ASCII));
        System.out.flush();
        System.exit(0);
    }
}
